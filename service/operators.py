"""What operators do to the whole queue: stop submitting, and go on."""

from typing import Annotated, Any

from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from service import audit, queries
from service.auth import Caller
from service.documents import json_object
from service.requests import read_body, read_json, require_json
from service.state import State, state_of
from tracker.job import Wire
from tracker.store.gate import Cause, Pause
from tracker.submission import InpaintRequest, read_model

MAX_BODY = 64 * 1024
MAX_REASON = 500


class Reason(BaseModel):
    """Why, for the others."""

    model_config = InpaintRequest.model_config

    reason: Annotated[str, Field(min_length=1, max_length=MAX_REASON)]


class QueueState(Wire):
    """Whether jobs are being submitted."""

    paused: Pause | None


async def pause(request: Request, caller: Caller) -> Response:
    """Stop submitting.

    Jobs are taken as before and wait; what Apiframe has already goes on. It stays so until somebody resumes, whatever
    restarts in between. Given again, the new reason takes the place of the old one.
    """
    state = state_of(request)
    queries.only(request, ())
    wanted = read_model(Reason, await read_json(request, MAX_BODY))
    await state.gate.pause(Pause(cause=Cause.OPERATOR, reason=wanted.reason, since=state.clock(), by=caller.name))
    await audit.note(state, caller, "queue.pause", reason=wanted.reason)
    return await _answer(state)


async def resume(request: Request, caller: Caller) -> Response:
    """Go on submitting.

    Whoever or whatever paused; a hold that Apiframe asked for is lifted, too. Where the account is still not well,
    the next attempt pauses again, and nothing is charged.
    """
    state = state_of(request)
    queries.only(request, ())
    reason = await _reason(request)
    if await state.gate.resume():
        await audit.note(state, caller, "queue.resume", reason=reason)
    return await _answer(state)


async def _reason(request: Request) -> str | None:
    """A body may be left out."""
    body = await read_body(request, MAX_BODY)
    if not body:
        return None
    require_json(request)
    return read_model(Reason, json_object(body)).reason


async def _answer(state: State) -> Response:
    shown: dict[str, Any] = QueueState(paused=await state.gate.paused()).model_dump(mode="json", by_alias=True)
    return JSONResponse(shown)

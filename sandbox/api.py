"""The handlers of Apiframe's own paths, `/v2/*` and the image files."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypedDict

from pydantic import TypeAdapter, ValidationError
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import Receive, Scope, Send

from sandbox.accounts import User
from sandbox.archive import Query
from sandbox.bodies import ACTION, GENERATE, GRID_COST, UUID, Inpaint, Submission
from sandbox.intake import Ask
from sandbox.jobs import Job
from sandbox.parsing import details, parse, read_json
from sandbox.refusals import InsufficientCredits, Invalid, JobNotFound, NotForMembers, Outage, RateLimited, TooLarge
from sandbox.world import World

LARGEST_BODY = 12_100_000
BLOCKED = "<!DOCTYPE html><title>Access denied</title><p>error code: 1010</p>"
TIMED_OUT = "<!DOCTYPE html><title>504 Gateway Time-out</title><h1>504 Gateway Time-out</h1>"


class State(TypedDict):
    """The lifespan's state, as each request sees it."""

    world: World


Sandboxed = Request[State]
Handler = Callable[[Sandboxed], Awaitable[Response]]


async def generate(request: Sandboxed) -> Response:
    return await _submit(request, GENERATE)


async def action(request: Sandboxed) -> Response:
    return await _submit(request, ACTION)


async def get_job(request: Sandboxed) -> Response:
    world, user = request.state["world"], _caller(request)
    _poll_strikes(world)
    job_id = request.path_params["job_id"]
    if not UUID.fullmatch(job_id):
        raise Invalid({"id": ["Invalid UUID"]}, "Invalid job id")
    job = world.archive.find(job_id, user)
    if job is None:
        raise JobNotFound
    request.scope["note"] = {"job": job, "text": job.status}
    mischief = world.dice.mischief
    told = world.archive.wire(job, with_input=not mischief.input_hidden)
    return JSONResponse({**told, "status": "PAUSED"} if mischief.status_unknown else told)


async def list_jobs(request: Sandboxed) -> Response:
    world, user = request.state["world"], _caller(request)
    _poll_strikes(world)
    values = dict(request.query_params)
    try:
        query = Query.model_validate(values)
    except ValidationError as error:
        raise Invalid(details(error, values)) from None
    if query.scope == "team" and user.role not in ("ADMIN", "OWNER"):
        raise NotForMembers
    return JSONResponse(world.archive.page(user, query))


async def me(request: Sandboxed) -> Response:
    user, settings = _caller(request), request.state["world"].settings
    return JSONResponse(user.wire(request.headers["x-api-key"], settings.max_concurrent_jobs))


async def image(request: Sandboxed) -> Response:
    """A file of the CDN: no key needed; 404 before the job is COMPLETED and after it has expired."""
    world = request.state["world"]
    job_id, _, name = request.path_params["file"].rpartition("-")
    job = world.archive.find(job_id)
    if job is None or job.status != "COMPLETED" or world.archive.expired(job):
        raise JobNotFound("Not found")
    request.scope["note"] = {"job": job, "text": ""}
    png = await world.gallery.file(job, name)
    if png is None:
        raise JobNotFound("Not found")
    return Response(png, media_type="image/png", headers={"Cache-Control": "public, max-age=86400"})


async def _submit(request: Sandboxed, adapter: TypeAdapter[Any]) -> Response:
    world = request.state["world"]
    if world.dice.strikes("submit_edge_403"):
        return HTMLResponse(BLOCKED, 403)
    user = _caller(request)
    _submit_strikes(world)
    body = read_json(await _read(request))
    wanted: Submission = parse(adapter, body)
    mask = await world.masks.read(wanted.mask) if isinstance(wanted, Inpaint) else None
    job = world.intake.take(
        Ask(
            user=user,
            key=request.headers["x-api-key"],
            request=wanted,
            body=body,
            mask=mask,
            idempotency_key=request.headers.get("idempotency-key"),
            base_url=base_url(request),
        )
    )
    request.scope["note"] = {"job": job, "text": ""}
    return await _accepted(world, job)


async def _accepted(world: World, job: Job) -> Response:
    """The 202, unless its way back is struck: the job is taken all the same."""
    answer = job.accepted()
    if world.dice.strikes("submit_delayed"):
        await asyncio.sleep(world.dice.delay())
    if world.dice.strikes("submit_504"):
        return HTMLResponse(TIMED_OUT, 504)
    if world.dice.strikes("submit_cut"):
        return Cut()
    if world.dice.strikes("submit_without_id"):
        return JSONResponse({"status": answer["status"]})
    return JSONResponse(answer, 202)


class Cut(Response):
    """Closes the connection instead of an answer. Under a server that shows no transport, breaks off its body."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # ASGI has no word for this; uvicorn's `receive` is a method of the object that holds the transport, which is an
        # asyncio.Transport by name only under uvloop
        abort = getattr(getattr(getattr(receive, "__self__", None), "transport", None), "abort", None)
        if abort is not None:
            abort()
            await receive()
        else:
            headers = [(b"content-type", b"application/json"), (b"content-length", b"64")]
            await send({"type": "http.response.start", "status": 202, "headers": headers})


def base_url(request: Sandboxed) -> str:
    """Where this client reaches the sandbox, unless the settings say."""
    public = request.state["world"].settings.public_url
    return str(public or request.base_url).rstrip("/")


def _caller(request: Sandboxed) -> User:
    return request.state["world"].accounts.of(request.headers.get("x-api-key"))


def _submit_strikes(world: World) -> None:
    if world.dice.strikes("submit_402"):
        raise InsufficientCredits(GRID_COST, 0)
    if world.dice.strikes("submit_429"):
        raise RateLimited(world.dice.mischief.retry_after)
    if world.dice.strikes("submit_503"):
        raise Outage


def _poll_strikes(world: World) -> None:
    if world.dice.strikes("poll_429"):
        raise RateLimited(world.dice.mischief.retry_after)
    if world.dice.strikes("poll_503"):
        raise Outage


async def _read(request: Sandboxed) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_BODY:
            raise TooLarge
    return bytes(body)

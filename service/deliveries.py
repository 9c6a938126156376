"""What operators see of the deliveries: the log of all, and the quarantine of those that could not be read."""

import base64
from dataclasses import replace
from functools import partial
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from service import audit, queries
from service.answers import page_answer
from service.auth import Caller
from service.state import State, state_of
from tracker import logs
from tracker.apiframe.reading import Unreadable, read_delivery
from tracker.errors import Conflict
from tracker.events import Report
from tracker.job import Moment, Wire
from tracker.store.deliveries import Wanted
from tracker.store.quarantine import Quarantined

LIST_QUERY = ("outcome", "jobId", "limit", "cursor")
QUARANTINE_QUERY = ("limit", "cursor")


class QuarantinedDelivery(Wire):
    """A signed delivery that could not be read, whole."""

    id: str
    at: Moment
    job_id: str | None
    why: str
    bytes: int
    encoding: Literal["utf-8", "base64"]
    body: str


async def list_deliveries(request: Request, _: Caller) -> Response:
    """List the last deliveries.

    Newest first: those that were taken, each with its outcome, and those that were refused, with the cause. About
    10,000 are kept; of those refused before their signature was found genuine, 2,000, and of each cause at most two
    in a second. No body is kept. What other processes took in the last moment may be missing yet.
    """
    state = state_of(request)
    _, words, job_id, limit = queries.all_of(
        partial(queries.only, request, LIST_QUERY),
        partial(queries.outcomes, request),
        partial(queries.uuid, request, "jobId"),
        partial(queries.limit, request),
    )
    below = state.cursors.open(request.query_params.get("cursor"), scope := ["deliveries", repr((words, job_id))])
    await state.recorder.flush()
    page = await state.deliveries.page(Wanted(words, await _our_id(state, job_id)), limit, below)
    lines = [line.model_dump(mode="json", by_alias=True) for line in page.lines]
    return page_answer("deliveries", lines, state.cursors.seal(page.next_cursor, scope))


async def _our_id(state: State, given: str | None) -> str | None:
    """Ours, where upstream's is given; as it is, where the job is gone."""
    stored = await state.store.find(given) if given else None
    return stored.job.id if stored else given


async def list_quarantine(request: Request, _: Caller) -> Response:
    """List the quarantine.

    Signed deliveries that could not be read, newest first, each with its whole body. Fewer than `limit` where bodies
    are large. About 1,000 are kept.
    """
    state = state_of(request)
    _, limit = queries.all_of(partial(queries.only, request, QUARANTINE_QUERY), partial(queries.limit, request))
    below = state.cursors.open(request.query_params.get("cursor"), scope := ["quarantine"])
    page = await state.quarantine.page(limit, below)
    entries = [shown(entry) for entry in page.entries]
    return page_answer("entries", entries, state.cursors.seal(page.next_cursor, scope))


def shown(entry: Quarantined) -> dict[str, Any]:
    encoding, text = _text(entry.delivery.body)
    return QuarantinedDelivery(
        id=entry.id, at=entry.at, job_id=entry.address, why=entry.why,
        bytes=len(entry.delivery.body), encoding=encoding, body=text,
    ).model_dump(mode="json", by_alias=True)  # fmt: skip


def _text(body: bytes) -> tuple[Literal["utf-8", "base64"], str]:
    try:
        return "utf-8", body.decode()
    except UnicodeDecodeError:
        return "base64", base64.b64encode(body).decode()


async def replay(request: Request, caller: Caller) -> Response:
    """Read a delivery in quarantine again.

    As if it came now, by the reader in use now. Once it is applied, whatever came of that, it leaves the quarantine.
    A conflict while it still cannot be read: then it stays.
    """
    state, entry_id = state_of(request), request.path_params["entry_id"]
    queries.only(request, ())
    entry = await state.quarantine.get(entry_id)
    report = _read(entry)
    applied = await state.store.apply(
        report, state.clock(), job_id=entry.address, silence=state.silence, quarantined=entry.id
    )
    logs.about(applied.job_id, applied.trail)
    replayed = {"entry": entry.id, "outcome": applied.outcome}
    await audit.note(state, caller, "quarantine.replay", job_id=applied.job_id, **replayed)
    return JSONResponse({"jobId": applied.job_id, "outcome": applied.outcome})


def _read(entry: Quarantined) -> Report:
    """An end without a time of its own came before its delivery did, not when that was replayed."""
    try:
        report = read_delivery(entry.delivery)
    except Unreadable as error:
        raise Conflict(f"It still cannot be read: {error}. It stays in quarantine.") from None
    return replace(report, completed_at=report.completed_at or entry.at)


async def delete(request: Request, caller: Caller) -> Response:
    """Delete a delivery in quarantine.

    For good: it has changed nothing, and will not.
    """
    state, entry_id = state_of(request), request.path_params["entry_id"]
    queries.only(request, ())
    await state.quarantine.delete(entry_id)
    await audit.note(state, caller, "quarantine.delete", entry=entry_id)
    return Response(status_code=204)

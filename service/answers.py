"""How a job is found for a caller, and how it leaves."""

from collections.abc import Iterable, Set
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from service.auth import Caller
from service.state import State
from tracker import logs
from tracker.errors import NotFound
from tracker.ids import as_uuid
from tracker.store.wire import Stored

FRESH = "private, no-cache"
"""To be asked for again each time, and kept by nobody on the way: what is answered depends on the key."""


async def visible(state: State, caller: Caller, job_id: str) -> Stored:
    """By our id or upstream's. What the caller may not see is not there."""
    canonical = as_uuid(job_id)
    stored = await state.store.find(canonical) if canonical else None
    if stored is None or not caller.sees(stored.job):
        raise NotFound("There is no such job, or it is not yours to see.")
    logs.about(stored.job.id, stored.trail)
    return stored


def known_etags(request: Request) -> frozenset[str]:
    return etags(request.headers.getlist("if-none-match"))


def etags(given: Iterable[str]) -> frozenset[str]:
    """Weak ones too: a proxy that compresses makes ours weak, and If-None-Match compares weakly (RFC 9110, 13.1.2)."""
    tags = (tag.strip() for one in given for tag in one.split(","))
    return frozenset(tag.removeprefix("W/") for tag in tags if tag)


def answered(stored: Stored, known: Set[str]) -> Response:
    """The job, or that its version is one of the ETags that are `known`."""
    if stored.etag in known or "*" in known:
        return Response(status_code=304, headers={"ETag": stored.etag, "Cache-Control": FRESH})
    return job_answer(stored)


def job_answer(stored: Stored, status_code: int = 200, **headers: str) -> Response:
    """The job with its version's ETag."""
    document, told = stored.job.model_dump_json(by_alias=True), {"ETag": stored.etag, "Cache-Control": FRESH, **headers}
    return Response(document, status_code, told, "application/json")


def page_answer(name: str, items: list[Any], cursor: str | None) -> Response:
    """`cursor` is sealed; None on the last page."""
    shown = {name: items, "nextCursor": cursor, "hasMore": cursor is not None}
    return JSONResponse(shown, headers={"Cache-Control": FRESH})

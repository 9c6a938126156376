"""The deliveries: those that were taken, those that were refused and why, and the quarantine."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from service import queries
from service.dashboard.html import Visit
from service.deliveries import shown
from tracker.errors import InvalidInput
from tracker.job import Outcome
from tracker.store.deliveries import DeliveryPage, LoggedDelivery, Refusal, Wanted

QUERY = ("outcome", "jobId", "cursor", "quarantine")
ACCEPTED = "accepted"
"""Any outcome."""
TOGETHER, ALONE, HELD = 15, 50, 20
"""Lines of each part while both are shown, of one that is shown alone, and of the quarantine."""
SAID = {
    Refusal.MISSING: "no signature", Refusal.MALFORMED: "signature malformed", Refusal.MISMATCH: "wrong signature",
    Refusal.TOO_LARGE: "too large", Refusal.STORE_UNAVAILABLE: "Redis was away",
}  # fmt: skip


@dataclass(frozen=True)
class Part:
    """One table. `more` leads to its next page, or to all of it."""

    name: str
    lines: Sequence[LoggedDelivery]
    more: str | None


async def deliveries_page(visit: Visit) -> Response:
    request, state = visit.request, visit.state
    _, words, job_id = queries.all_of(
        partial(queries.only, request, QUERY), partial(_words, request), partial(queries.uuid, request, "jobId")
    )
    await state.recorder.flush()
    our_id = await _our_id(visit, job_id)
    parts, held = await asyncio.gather(_parts(visit, words, our_id), _quarantine(visit))
    return visit.html(
        "deliveries", parts_shown=parts, chosen=request.query_params.get("outcome", ""), job_id=job_id, said=SAID,
        outcomes=[*Outcome], causes=[*Refusal], address=partial(_address, request),
        first="cursor" not in request.query_params, held=held["entries"], more_held=held["more"],
    )  # fmt: skip


def _words(request: Request) -> tuple[Outcome | Refusal, ...]:
    if request.query_params.getlist("outcome") == [ACCEPTED]:
        return tuple(Outcome)
    try:
        return queries.outcomes(request)
    except InvalidInput:
        raise InvalidInput({"outcome": [f"Expected {ACCEPTED}, {', '.join(queries.WORDS)}."]}) from None


async def _our_id(visit: Visit, given: str | None) -> str | None:
    stored = await visit.state.store.find(given) if given else None
    return stored.job.id if stored else given


async def _parts(visit: Visit, words: tuple[Outcome | Refusal, ...], job_id: str | None) -> list[Part]:
    """Both, where neither is asked for; else the one, page by page."""
    if words:
        name = ACCEPTED if isinstance(words[0], Outcome) else queries.REFUSED
        scope = ["dashboard deliveries", repr((words, job_id))]
        below = visit.state.cursors.open(visit.request.query_params.get("cursor"), scope)
        page = await visit.state.deliveries.page(Wanted(words, job_id), ALONE, below)
        cursor = visit.state.cursors.seal(page.next_cursor, scope)
        return [Part(name, page.lines, _address(visit.request, cursor=cursor) if cursor else None)]
    kinds: dict[str, tuple[Any, ...]] = {ACCEPTED: tuple(Outcome), queries.REFUSED: tuple(Refusal)}
    pages = await asyncio.gather(
        *(visit.state.deliveries.page(Wanted(kind, job_id), TOGETHER) for kind in kinds.values())
    )
    return [_together(visit.request, name, page) for name, page in zip(kinds, pages, strict=True)]


def _together(request: Request, name: str, page: DeliveryPage) -> Part:
    return Part(name, page.lines, _address(request, outcome=name) if page.next_cursor else None)


async def _quarantine(visit: Visit) -> dict[str, Any]:
    scope = ["dashboard quarantine"]
    below = visit.state.cursors.open(visit.request.query_params.get("quarantine"), scope)
    page = await visit.state.quarantine.page(HELD, below)
    cursor = visit.state.cursors.seal(page.next_cursor, scope)
    more = _address(visit.request, quarantine=cursor) + "#quarantine" if cursor else None
    return {"entries": [shown(entry) | {"moment": entry.at} for entry in page.entries], "more": more}


def _address(request: Request, **changed: str | None) -> str:
    """This page with other filters; a cursor belongs to those it came with."""
    kept = {name: value for name, value in request.query_params.items() if name in ("outcome", "jobId")}
    query = urlencode({name: value for name, value in {**kept, **changed}.items() if value})
    return f"/deliveries?{query}" if query else "/deliveries"

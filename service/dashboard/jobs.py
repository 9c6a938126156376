"""The jobs: counts that are filters, and one page of what matches, live from there on."""

import asyncio
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from service import queries
from service.dashboard.html import HEADERS, Visit
from service.dashboard.searching import Elsewhere, search
from service.jobs import LIST_QUERY
from service.stats import read_stats
from tracker.errors import InvalidInput
from tracker.job import Job, Status
from tracker.store.pages import Filter, Page

QUERY = (*LIST_QUERY, "search", "label")
SHOWN = 25
BLANK_ID = "00000000-0000-0000-0000-000000000000"
NOT_STREAMED = ("status", "limit", "cursor")
"""A row that a status filter leaves out must be seen to change all the same."""


async def jobs_page(visit: Visit) -> Response:
    params = visit.request.query_params
    if sought := params.get("search", "").strip():
        return await _sought(visit, sought)
    if (clean := _clean(params)) != params.multi_items():
        return RedirectResponse(f"/?{urlencode(clean)}" if clean else "/", 303, HEADERS)
    try:
        wanted, limit, below = _asked(visit)
    except InvalidInput as error:
        return await _show(visit, Filter(), Page(), errors=error.errors)
    page, stats = await asyncio.gather(visit.state.store.page(wanted, limit, below), _stats(visit))
    return await _show(visit, wanted, page, stats)


async def _sought(visit: Visit, sought: str) -> Response:
    match await search(visit, sought):
        case Elsewhere(address):
            return RedirectResponse(address, 303, HEADERS)
        case refusal:
            return await _show(visit, Filter(), Page(), sought=sought, refusal=refusal)


def _clean(params: QueryParams) -> list[tuple[str, str]]:
    """As the address should be: a form also sends fields that are empty, and a label as one field."""
    return [_named(name, value.strip()) for name, value in params.multi_items() if value.strip()]


def _named(name: str, value: str) -> tuple[str, str]:
    label, equals, text = value.partition("=")
    return (f"label.{label.strip()}", text.strip()) if name == "label" and equals else (name, value)


def _asked(visit: Visit) -> tuple[Filter, int, str | None]:
    """As the list over JSON reads it, so that an address of one is an address of the other."""
    request = visit.request
    _, _, wanted, limit = queries.all_of(
        partial(queries.only, request, QUERY),
        partial(_whole_label, request),
        partial(queries.job_filter, request, visit.caller.only_owner),
        partial(_limit, request),
    )
    return wanted, limit, visit.state.cursors.open(request.query_params.get("cursor"), ["jobs", repr(wanted)])


def _limit(request: Request) -> int:
    return queries.limit(request) if "limit" in request.query_params else SHOWN


def _whole_label(request: Request) -> None:
    if "label" in request.query_params:
        raise InvalidInput({"label": ["Give it as name=value."]})


async def _stats(visit: Visit) -> dict[str, Any]:
    return (await read_stats(visit.state, visit.caller)).model_dump(mode="json", by_alias=True)


async def _show(
    visit: Visit, wanted: Filter, page: Page, stats: dict[str, Any] | None = None, *,
    errors: dict[str, list[str]] | None = None, sought: str = "", refusal: str | None = None,
) -> Response:  # fmt: skip
    params = visit.request.query_params
    cursor = visit.state.cursors.seal(page.next_cursor, ["jobs", repr(wanted)])
    return visit.html(
        "jobs", status_code=422 if errors else 200, stats=stats or await _stats(visit), errors=errors or {},
        jobs=[stored.job for stored in page.jobs], blank=_blank(visit.state.clock()), wanted=wanted, sought=sought,
        refusal=refusal, given=params, filters=_filters(params), statuses=_statuses(params),
        stream=_address("/v1/stream", params, without=NOT_STREAMED), first_page="cursor" not in params,
        newest=_address("/", params, without=("cursor",)),
        older=_address("/", params, without=("cursor",), cursor=cursor) if cursor else None,
        all_statuses=_address("/", params, without=("status", "cursor")), chosen_any="status" in params,
        limit=params.get("limit", SHOWN),
        kept=_kept(params),
    )  # fmt: skip


def _blank(now: datetime) -> Job:
    """From which the script makes rows of jobs that are new."""
    return Job(id=BLANK_ID, owner="", created_at=now, updated_at=now)


def _statuses(params: QueryParams) -> list[dict[str, Any]]:
    """A link for each status: to it alone, or away from it where it is chosen."""
    chosen = params.getlist("status")
    shown = []
    for status in Status:
        others = [given for given in chosen if given != status]
        away = _address("/", params, without=("status", "cursor"), status=others)
        alone = _address("/", params, without=("status", "cursor"), status=status)
        shown.append({"name": status, "chosen": status in chosen, "href": away if status in chosen else alone})
    return shown


def _filters(params: QueryParams) -> list[dict[str, str]]:
    """Those that hold besides the status, each with the address without it."""
    names = [name for name, _ in params.multi_items() if name not in ("status", "limit", "cursor", "search")]
    return [
        {"name": name.removeprefix(queries.LABEL), "value": params[name],
         "without": _address("/", params, without=(name, "cursor"))}
        for name in names
    ]  # fmt: skip


def _kept(params: QueryParams) -> list[tuple[str, str]]:
    """What the form of filters has no fields for."""
    return [(name, value) for name, value in params.multi_items() if name.startswith(queries.LABEL) or name == "limit"]


def _address(path: str, params: QueryParams, *, without: tuple[str, ...], **with_: Any) -> str:
    kept = [(name, value) for name, value in params.multi_items() if name not in (*without, "search")]
    added = [(name, value) for name, value in with_.items() if value]
    query = urlencode([*kept, *added], doseq=True)
    return f"{path}?{query}" if query else path

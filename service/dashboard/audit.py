"""What operators did: who, what, to what, when."""

from functools import partial
from typing import cast
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from service import queries
from service.audit import ACTIONS
from service.dashboard.html import Visit
from tracker.errors import InvalidInput
from tracker.store.audit import Action, WantedEntries

QUERY = ("by", "action", "cursor")
SHOWN = 50


async def audit_page(visit: Visit) -> Response:
    request, state = visit.request, visit.state
    _, action = queries.all_of(partial(queries.only, request, QUERY), partial(_action, request))
    wanted = WantedEntries(request.query_params.get("by", "").strip() or None, action)
    scope = ["dashboard audit", repr(wanted)]
    below = state.cursors.open(request.query_params.get("cursor"), scope)
    page = await state.audit.page(wanted, SHOWN, below)
    cursor = state.cursors.seal(page.next_cursor, scope)
    return visit.html(
        "audit", entries=page.entries, by=wanted.by or "", action=action or "", actions=ACTIONS,
        first=below is None, newest=_address(wanted), older=_address(wanted, cursor) if cursor else None,
    )  # fmt: skip


def _action(request: Request) -> Action | None:
    """An empty one is anything: the form's first choice."""
    given = request.query_params.get("action", "")
    if given and given not in ACTIONS:
        raise InvalidInput({"action": [f"Expected one of {', '.join(ACTIONS)}."]})
    return cast(Action, given) if given else None


def _address(wanted: WantedEntries, cursor: str | None = None) -> str:
    parts = {"by": wanted.by, "action": wanted.action, "cursor": cursor}
    query = urlencode({name: value for name, value in parts.items() if value})
    return f"/audit?{query}" if query else "/audit"

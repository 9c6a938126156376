"""What operators do, told in one place: who, what, to what. Each action stands in the log and in the audit list."""

from functools import partial
from typing import Any, cast, get_args

import structlog
from pydantic.alias_generators import to_camel
from starlette.requests import Request
from starlette.responses import Response

from service import queries
from service.answers import page_answer
from service.auth import Caller
from service.state import State, state_of
from tracker.errors import InvalidInput, StoreUnavailable
from tracker.ids import new_id
from tracker.store.audit import Action, AuditEntry, WantedEntries

ACTIONS: tuple[str, ...] = get_args(Action)
LIST_QUERY = ("by", "action", "limit", "cursor")
log = structlog.get_logger()


async def note(
    where: Request | State, caller: Caller, action: Action, *, job_id: str | None = None, **details: Any
) -> None:
    """To be called once it is done, with nothing secret in it: no key, mask or prompt.

    Never raises for Redis' sake: what was done is done, and to answer otherwise would have it done again. The log has
    the line in any case, and the entry waits until Redis takes it.
    """
    state = where if isinstance(where, State) else state_of(where)
    about = {"job_id": job_id} if job_id else {}
    log.warning("operator", by=caller.name, action=action, **about, **details)
    now = state.clock()
    told = {to_camel(name): value for name, value in details.items() if value is not None}
    entry = AuditEntry(id=new_id(now), at=now, by=caller.name, action=action, job_id=job_id, details=told)
    try:
        await state.audit.write(entry)
    except StoreUnavailable as error:
        log.error("audit entry waits for Redis", entry=entry.id, error=str(error))


async def list_audit(request: Request, _: Caller) -> Response:
    """List what operators did.

    Newest first: who (the name of the key), what, and when. About 10,000 entries are kept. What another process could
    not write while Redis was away may be missing until it can.
    """
    state = state_of(request)
    _, by, action, limit = queries.all_of(
        partial(queries.only, request, LIST_QUERY),
        partial(_by, request),
        partial(_action, request),
        partial(queries.limit, request),
    )
    below = state.cursors.open(request.query_params.get("cursor"), scope := ["audit", repr((by, action))])
    page = await state.audit.page(WantedEntries(by, action), limit, below)
    entries = [entry.model_dump(mode="json", by_alias=True) for entry in page.entries]
    return page_answer("entries", entries, state.cursors.seal(page.next_cursor, scope))


def _by(request: Request) -> str | None:
    given = request.query_params.get("by")
    if given == "":
        raise InvalidInput({"by": ["It is empty; leave it out to see everybody's."]})
    return given


def _action(request: Request) -> Action | None:
    given = request.query_params.get("action")
    if given is not None and given not in ACTIONS:
        raise InvalidInput({"action": [f"Unknown action {given!r:.40}; expected {', '.join(ACTIONS)}."]})
    return cast(Action | None, given)

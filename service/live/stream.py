"""Server-sent events: one job until it is final, or every job that matches, for as long as somebody listens.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import asyncio
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from service import queries
from service.answers import visible
from service.auth import Caller
from service.live.broadcast import Broadcast, Wish, frame, framed
from service.live.eventstream import MEDIA, EventStream, comment, word
from service.live.line import Line
from service.live.listener import Frame, Listener
from service.state import State, state_of
from tracker.errors import InvalidInput, StoreUnavailable
from tracker.store.changes import Changes, place
from tracker.store.wire import Stored

READY_SECONDS = 1.5
SESSION_SECONDS = 600.0
STREAM_QUERY = ("status", "owner", "parentJobId", "label.*", "createdAfter", "createdBefore")
EVENT_ID = "([0-9]{1,15}-[0-9]{1,15})/([0-9]{1,15})"

GAP = "Some changes since Last-Event-ID are not kept any more: list the jobs again."
DROPPED = "You did not keep up. Connect again with the last id, and read faster or filter more."

STILL_HERE = comment("still here")

__all__ = ["MEDIA", "stream_job", "stream_jobs"]


@dataclass(frozen=True)
class LastEvent:
    """Out of an event's id: where the feed stood, and the version of the job."""

    position: str
    version: int


async def stream_job(request: Request, caller: Caller) -> Response:
    """Follow a job by server-sent events.

    First the job as it is, then each change, until it is final. Changes in quick succession may come as one. With the
    `Last-Event-ID` of the version that you have, it begins with the next; where that is final, the answer is 204.
    """
    state, known = state_of(request), _last_event(request)
    queries.only(request, ())
    stored = await visible(state, caller, request.path_params["job_id"])
    await _ready(state.broadcast)
    if known and await state.changes.has_lost(known.position):
        known = None  # its version may stand for another change by now
    if known and stored.job.status.is_final and stored.version <= known.version:
        return Response(status_code=204)
    content = partial(_job_events, state, stored, known.version if known else 0)
    return EventStream(state.broadcast.to_job(stored.job.id), content, _seconds(request))


async def stream_jobs(request: Request, caller: Caller) -> Response:
    """Follow jobs by server-sent events.

    Every change of a job that matches, from now on, or from `Last-Event-ID` on without a gap or a repetition. What lies
    too far back is told by an event `gap`; who does not keep up is told by an event `dropped`, and let go.
    """
    state = state_of(request)
    _, wanted, known = queries.all_of(
        partial(queries.only, request, STREAM_QUERY),
        partial(queries.job_filter, request, None),
        partial(_last_event, request),
    )
    await _ready(state.broadcast)
    wish = Wish(wanted, caller.only_owner)
    return EventStream(state.broadcast.to_all(wish), partial(_events, state, wish, known), _seconds(request))


def _last_event(request: Request) -> LastEvent | None:
    given = request.headers.get("last-event-id", "").strip()
    if not given:
        return None
    found = re.fullmatch(EVENT_ID, given)
    if not found:
        raise InvalidInput({"Last-Event-ID": ["Not the id of an event: send one back as it came, or none."]})
    return LastEvent(found[1], int(found[2]))


def _seconds(request: Request) -> float | None:
    """How long a stream may go on: one of a session is taken up again by the browser, and then the session is looked
    at again, which may be over or signed out by then."""
    return SESSION_SECONDS if getattr(request.state, "by_session", False) else None


async def _ready(broadcast: Broadcast) -> None:
    """Raises StoreUnavailable while changes are not heard of."""
    broadcast.attend()
    deadline = asyncio.get_running_loop().time() + READY_SECONDS
    while not broadcast.well:
        if asyncio.get_running_loop().time() > deadline:
            raise StoreUnavailable("Redis cannot serve this now; try again.")
        await asyncio.sleep(0.05)


async def _job_events(state: State, stored: Stored, version: int, listener: Listener, line: Line) -> None:
    """Reads once it listens: a change in between is not missed, and none is told twice, by its version."""
    await line.write(comment("one job, until it is final"))
    stored = await state.store.get(stored.job.id) or stored
    last = frame(listener.position, stored.version, stored.job)
    if last.version > version:
        await line.write(last.content)

    def spell(frames: Sequence[Frame]) -> bytes:
        nonlocal last
        content = _joined(one for one in frames if one.version > last.version) or STILL_HERE
        last = max((last, *frames), key=lambda one: one.version)
        if last.is_final:
            listener.end()
        return content

    listener.send_past(line, spell)
    while not last.is_final and (frames := await listener.frames()) is not None:
        if not frames and await state.store.get(stored.job.id) is None:
            return  # it was erased: nothing will ever be told of it
        await line.write(spell(frames))
    await _dropped(listener, line)


async def _events(state: State, wish: Wish, known: LastEvent | None, listener: Listener, line: Line) -> None:
    """What was missed is read from Redis, what is new waits meanwhile.

    Another process, whose events the listener had before, may have been further than this one.
    """
    after = known.position if known else listener.position
    await line.write(_at(after))
    if not await state.changes.are_whole(after):
        await line.write(word("gap", GAP))
        after = min(after, listener.position, key=place)  # one that was lost in a fail-over may lie ahead of all others
    await _missed(state.changes, wish, after, listener.position, line)
    behind = place(after)

    def spell(frames: Sequence[Frame]) -> bytes:
        return _joined(one for one in frames if one.place > behind) or STILL_HERE

    listener.send_past(line, spell)
    while (frames := await listener.frames()) is not None:
        if frames:
            await line.write(spell(frames))
        else:  # nothing waits, so everything that was told has been sent
            await line.write(_at(max(after, state.broadcast.told(listener), key=place)))
    await _dropped(listener, line)


async def _dropped(listener: Listener, line: Line) -> None:
    if listener.too_slow:
        await line.write(word("dropped", DROPPED))


async def _missed(changes: Changes, wish: Wish, after: str, until: str, line: Line) -> None:
    while entries := await changes.between(after, until):
        found = [change for change in await changes.of(entries) if wish.holds(change.stored.job)]
        await line.write(_joined(map(framed, found)))
        after = entries[-1].position


def _joined(frames: Iterable[Frame]) -> bytes:
    return b"".join([one.content for one in frames])


def _at(position: str) -> bytes:
    """From where whoever has had no event yet may resume. A comment: browsers ignore it."""
    return comment(f"at {position}/0")

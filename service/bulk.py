"""What is done to many jobs at once: cancel them, or have upstream asked about them. See first, then do."""

from asyncio import TaskGroup
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from service import audit, queries
from service.actions import NOT_ACCEPTED, too_late
from service.auth import Caller
from service.requests import read_json
from service.selection import BulkRequest, Verb, read
from service.state import State, state_of
from tracker.errors import NotFound, StoreUnavailable
from tracker.events import Withdrawn
from tracker.ids import as_uuid
from tracker.job import FINAL, Status, Wire
from tracker.store.audit import Action
from tracker.store.standings import Standing

MAX_BODY = 64 * 1024
MAX_JOBS, MAX_LISTED = 10_000, 100
AT_ONCE = 8
"""Cancellations under way at once: webhooks come between them."""
GONE = "There is no such job."

TOUCHABLE: dict[Verb, frozenset[Status]] = {
    "cancel": frozenset({Status.PENDING}),
    "refresh": frozenset(Status) - FINAL,
}
"""What an action can have to do with at all."""
NOTED: dict[Verb, Action] = {"cancel": "jobs.cancel", "refresh": "jobs.refresh"}


class BulkRefusal(Wire):
    """A job that was not touched, and why."""

    id: str
    reason: str


class BulkResult(Wire):
    """What was done to how many jobs; of a dry run, what would be."""

    action: Verb
    dry_run: bool
    matched: int
    touched: int
    refused: list[BulkRefusal]
    refused_count: int
    more: bool


@dataclass
class Course:
    """How far it has come."""

    touched: list[str] = field(default_factory=list)
    refused: list[BulkRefusal] = field(default_factory=list)
    interrupted: bool = False

    def note(self, job_id: str, reason: str | None) -> None:
        if reason is None:
            self.touched.append(job_id)
        else:
            self.refused.append(BulkRefusal(id=job_id, reason=reason))


async def act(request: Request, caller: Caller) -> Response:
    """Cancel or refresh many jobs.

    Those with one of `ids`, or all that a `filter` wants, an empty one every job. With `dryRun` nothing is done, and
    the answer tells what would be. `cancel` touches what is pending and not being submitted; `refresh` has Apiframe
    asked soon about what it has not ended, in the workers' own time. Of a filter's jobs, those that may be touched come
    first, then the newest; one call sees to 10,000 at most, and `more` tells that there are others. Each job is looked
    at again when its turn comes: what has moved on since is refused, with the reason.
    """
    state = state_of(request)
    queries.only(request, ())
    asked = read(await read_json(request, MAX_BODY))
    found, course, more = await (_by_ids(state, asked.ids) if asked.ids else _by_filter(state, asked))
    reasons = {standing.job_id: _reason(asked.action, standing) for standing in found}
    for job_id, reason in reasons.items():
        if reason or asked.dry_run:
            course.note(job_id, reason)
    if not asked.dry_run:
        await _run(state, caller, asked, [job_id for job_id, reason in reasons.items() if reason is None], course)
    return _answer(asked, course, len(found), more)


Found = tuple[list[Standing], Course, bool]


async def _by_ids(state: State, given: Sequence[str]) -> Found:
    """Each job once, by either of its ids; what names none is refused as it was sent."""
    canonical = {one: as_uuid(one) for one in dict.fromkeys(given)}
    ours = await state.store.resolve([one for one in canonical.values() if one])
    standings = await state.store.standings(list(dict.fromkeys(ours.values())))
    there = {standing.job_id for standing in standings}
    unknown = [one for one, either_id in canonical.items() if ours.get(either_id or "") not in there]
    return standings, Course(refused=[BulkRefusal(id=one, reason=GONE) for one in unknown]), False


async def _by_filter(state: State, asked: BulkRequest) -> Found:
    """First those that may be touched, so that no number of others keeps an action from them."""
    wanted = asked.filter.wanted()
    statuses, touchable = wanted.statuses or tuple(Status), TOUCHABLE[asked.action]
    ids: dict[str, None] = {}
    more = False
    for some in ([s for s in statuses if s in touchable], [s for s in statuses if s not in touchable]):
        if some:
            part, others = await state.store.ids(replace(wanted, statuses=tuple(some)), MAX_JOBS - len(ids))
            ids |= dict.fromkeys(part)
            more = more or others
    return await state.store.standings(list(ids)), Course(), more


def _reason(action: Verb, standing: Standing) -> str | None:
    """Why it cannot be touched, as it stands."""
    status = standing.status
    if action == "cancel":
        return too_late(status) if status is not Status.PENDING or standing.holds_slot else None
    if status.is_final:
        return f"It is {status}: there is nothing left to ask about."
    return None if standing.known_upstream else NOT_ACCEPTED


async def _run(state: State, caller: Caller, asked: BulkRequest, job_ids: Sequence[str], course: Course) -> None:
    """What was done is in the audit list even if it ends early. Raises StoreUnavailable, with how far it came."""
    try:
        match asked.action:
            case "cancel":
                await _cancel(state, caller, job_ids, course)
            case "refresh":
                await _refresh(state, job_ids, course)
    finally:
        if course.touched or course.interrupted:
            await _note(state, caller, asked, course)
    if course.interrupted:
        done = f"at least {len(course.touched):,} of {len(job_ids):,} jobs were touched before"
        raise StoreUnavailable(f"Redis went away in the midst: {done}. Send it again for the others.")


async def _note(state: State, caller: Caller, asked: BulkRequest, course: Course) -> None:
    counts = {"touched": len(course.touched), "refused": len(course.refused)}
    cut = {"interrupted": True} if course.interrupted else {}
    one = course.touched[0] if len(course.touched) == 1 else None
    await audit.note(state, caller, NOTED[asked.action], job_id=one, **asked.meant, **counts, **cut)


async def _cancel(state: State, caller: Caller, job_ids: Sequence[str], course: Course) -> None:
    waiting = iter(job_ids)

    async def take_turns() -> None:
        for job_id in waiting:
            if course.interrupted:
                return
            try:
                course.note(job_id, await _withdraw(state, caller, job_id))
            except StoreUnavailable:
                course.interrupted = True

    async with TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(take_turns())


async def _withdraw(state: State, caller: Caller, job_id: str) -> str | None:
    """Why it was not cancelled. One that is cancelled already was pending a moment ago: this call did it, and its first
    answer was lost, or somebody else wanted the same."""
    try:
        applied = await state.store.apply(Withdrawn(caller.name), state.clock(), job_id=job_id, silence=state.silence)
    except NotFound:
        return GONE
    return None if applied.status is Status.CANCELLED else too_late(applied.status)


async def _refresh(state: State, job_ids: Sequence[str], course: Course) -> None:
    """One after the other, at half of what the workers may look up: the other half is for webhooks that are lost."""
    apart, now = timedelta(minutes=2) / state.settings.polls_per_minute, state.clock()
    moments = {job_id: now + n * apart for n, job_id in enumerate(job_ids)}
    try:
        waiting = await state.store.work.bring_lookups_forward(moments)
    except StoreUnavailable:
        course.interrupted = True
        return
    for job_id in job_ids:
        course.note(job_id, None if job_id in waiting else "It has ended in the meantime.")


def _answer(asked: BulkRequest, course: Course, matched: int, more: bool) -> Response:
    result = BulkResult(
        action=asked.action, dry_run=asked.dry_run, matched=matched, touched=len(course.touched),
        refused=course.refused[:MAX_LISTED], refused_count=len(course.refused), more=more,
    )  # fmt: skip
    return JSONResponse(result.model_dump(mode="json", by_alias=True))

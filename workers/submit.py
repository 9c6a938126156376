"""Pending jobs go to upstream: in order, under MAX_IN_FLIGHT, one attempt at a time for each.

The index of pending jobs is the queue. Hints and freed slots wake the submitter, and a sweep each second finds what
nothing announced.
"""

import asyncio
import random
from contextlib import suppress
from datetime import datetime, timedelta

import structlog

from tracker import logs
from tracker.apiframe.protocol import (
    ACTION_PATH,
    EdgeBlock,
    InsufficientCredits,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    SubmissionResult,
    TryAgain,
    Unauthorized,
)
from tracker.errors import StoreUnavailable
from tracker.events import Accepted, Deferred, Event, Expired, Refused
from tracker.job import Failure, FailureCode, Outcome, Status
from tracker.store.wire import Stored
from tracker.tracing import ATTEMPT, JOB_ID, METHOD, RESULT, Attributes
from tracker.trail import Trail
from workers import account
from workers.search import is_of, tells_nothing, unknown_to_us
from workers.tools import Tools

SWEEP_SECONDS = 1.0
AT_ONCE = 16
EDGE_HOLD = timedelta(seconds=10)
OUTAGE_HOLD = timedelta(seconds=2)
LONGEST_BACKOFF = 60.0
STOP_SECONDS, HAND_BACK_SECONDS = 6.0, 1.5
"""For Apiframe to answer when we are asked to stop, and for telling that it has not: within the ten that `docker stop`
leaves."""
DOUBTS = 10
"""Attempts after which a 409 is believed, even where an outcome was unknown before."""

Answer = Accepted | Rejected | OutcomeUnknown | EdgeBlock | RateLimited | TryAgain
"""One that does not concern the account."""

log = structlog.get_logger()


class Submitter:
    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._room = asyncio.Semaphore(AT_ONCE)
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Something may be submitted now: a job came, or a slot was freed."""
        self._wake.set()

    async def run(self) -> None:
        """For ever. When cancelled, attempts in hand are finished, each may be worth 16 credits, or handed back."""
        in_hand: set[asyncio.Task[None]] = set()
        try:
            while True:
                await self._round(in_hand)
        finally:
            if in_hand:
                await asyncio.shield(self._finish(in_hand))

    async def _finish(self, in_hand: set[asyncio.Task[None]]) -> None:
        _, late = await asyncio.wait(in_hand, timeout=STOP_SECONDS)
        for task in late:
            task.cancel()
        with suppress(TimeoutError):  # then their leases end in a moment
            async with asyncio.timeout(HAND_BACK_SECONDS):
                await asyncio.gather(
                    *late, *(self._hand_back(task.get_name()) for task in late), return_exceptions=True
                )

    async def _hand_back(self, job_id: str) -> None:
        """To whichever worker comes next; upstream may have it all the same."""
        stored = await self._tools.store.get(job_id)
        if stored and stored.job.status is Status.PENDING:
            until = self._tools.clock() + _backoff(stored.attempts)
            await _apply(self._tools, stored, Deferred("The worker was stopped.", until, outcome_unknown=True))
            log.warning("stopped before Apiframe had answered; it is repeated with the same key", job_id=job_id)

    async def _round(self, in_hand: set[asyncio.Task[None]]) -> None:
        self._wake.clear()
        while job_id := await self._claim():
            task = asyncio.create_task(self._submit(job_id), name=job_id)
            in_hand.add(task)
            task.add_done_callback(in_hand.discard)
        try:
            async with asyncio.timeout(SWEEP_SECONDS):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _claim(self) -> str | None:
        """The next job, with room to submit it; the room is given back in `_submit`, or here when there is no job."""
        await self._room.acquire()
        job_id = None
        try:
            job_id = (
                await self._tools.store.work.claim(
                    self._tools.clock(),
                    lease=self._tools.lease,
                    max_in_flight=self._tools.settings.max_in_flight,
                    webhooks=self._tools.webhooks,
                    key_mark=self._tools.key_mark,
                )
            ).job_id
        except StoreUnavailable as error:
            log.warning("cannot claim", error=str(error))
        finally:
            if job_id is None:
                self._room.release()
        return job_id

    async def _submit(self, job_id: str) -> None:
        try:
            async with asyncio.timeout(self._tools.lease.total_seconds() - 1):  # never beyond it: the next has it then
                await submit(self._tools, job_id)
        except TimeoutError:
            log.warning("attempt cut off; it is repeated with the same key", job_id=job_id)
        except StoreUnavailable as error:
            log.warning("attempt not recorded; it is repeated with the same key", job_id=job_id, error=str(error))
        except Exception:
            log.exception("attempt failed", job_id=job_id)
        finally:
            self._room.release()
            self.wake()


async def submit(tools: Tools, job_id: str) -> None:
    """One attempt for a job that was claimed, and what it came to."""
    stored, mask = await tools.store.get(job_id), await tools.store.mask(job_id)
    if stored is None or stored.job.status is not Status.PENDING:
        return  # a webhook has bound it since it was claimed
    logs.about(job_id, stored.trail)
    told: Attributes = {JOB_ID: job_id, ATTEMPT: stored.attempts}
    if stored.attempts == 1:
        tools.tracing.past("wait", "internal", stored.trail, stored.job.created_at, tools.clock(), told)
    with tools.tracing.span("submit", "consumer", stored.trail, told) as span:
        await _attempt(tools, stored, mask, span.trail)


async def _attempt(tools: Tools, stored: Stored, mask: bytes | None, trail: Trail) -> None:
    if _is_late(tools, stored):
        return  # see `expiry`
    if mask is None:
        await _apply(tools, stored, Expired("Its mask is no longer held."))
        return
    if stored.rekeyed and not await _may_repeat(tools, stored):
        return
    await _settle(tools, stored, await _sent(tools, stored, mask, trail))


async def _sent(tools: Tools, stored: Stored, mask: bytes, trail: Trail) -> SubmissionResult:
    job = stored.job
    told: Attributes = {JOB_ID: job.id, ATTEMPT: stored.attempts, METHOD: "POST"}
    with tools.tracing.span(f"POST {ACTION_PATH}", "client", trail, told) as span:
        result = await tools.apiframe.inpaint(job.id, job.parent_job_id or "", mask, job.prompt, stored.webhook_url)
        span.note({RESULT: (word := type(result).__name__)})
        if not isinstance(result, Accepted):
            span.fail(word)
    log.info("submitted", attempt=stored.attempts, result=word)
    return result


async def _settle(tools: Tools, stored: Stored, result: SubmissionResult) -> None:
    if isinstance(result, Unauthorized | InsufficientCredits):
        event = await account.refused(tools, result, stored)
    else:
        await _hold_if_asked(tools, result)
        event = event_of(result, stored, tools.clock())
    outcome = await _apply(tools, stored, event)
    if outcome is Outcome.CONFLICT and isinstance(result, Accepted):
        text = f"Apiframe answered with its job {result.upstream_job_id}, which is another job's already."
        await _apply(tools, stored, Refused(Failure(code=FailureCode.REJECTED, message=text)))


async def _may_repeat(tools: Tools, stored: Stored) -> bool:
    """Whether upstream surely has no job of an attempt made with another key; where it has one, that is bound."""
    candidates = await unknown_to_us(tools, stored.job.created_at)
    found = [report for report in candidates or () if is_of(report, stored) or tells_nothing(report)]
    if len(found) == 1 and is_of(one := found[0], stored):
        await _apply(tools, stored, Accepted(one.upstream_job_id, one.status))
    elif found or candidates is None:
        text = "An attempt was made with another key of Apiframe's, and what became of it is not known."
        await _apply(tools, stored, Deferred(text, tools.clock() + _backoff(stored.attempts), outcome_unknown=True))
    return candidates is not None and not found


async def _hold_if_asked(tools: Tools, result: Answer) -> None:
    if (hold := _hold(result)) is not None:
        await tools.gate.hold(_reason(result), hold)
        log.warning("submissions held", seconds=hold.total_seconds(), reason=_reason(result))


def _is_late(tools: Tools, stored: Stored) -> bool:
    """Within 24 h upstream remembers the key; after that a repetition could be charged again."""
    return tools.clock() - stored.job.created_at > timedelta(seconds=tools.settings.submit_within_seconds)


async def _apply(tools: Tools, stored: Stored, event: Event) -> Outcome:
    return (await tools.lookups.apply(stored, event)).outcome


def event_of(result: Answer, stored: Stored, now: datetime) -> Event:
    """What an answer means for the job. One that concerns everybody leaves it at its place in the queue."""
    match result:
        case Accepted():
            return result
        case Rejected(status_code=409) if stored.doubtful and stored.attempts < DOUBTS:
            reason = f"{result.message} (409, while an earlier attempt may still be under way at Apiframe)"
            return Deferred(reason, now + _backoff(stored.attempts), outcome_unknown=True)
        case Rejected():
            message = f"Apiframe refused it ({result.status_code}): {result.message}"
            return Refused(Failure(code=FailureCode.REJECTED, message=message))
        case OutcomeUnknown():
            return Deferred(_reason(result), now + _backoff(stored.attempts), outcome_unknown=True)
        case TryAgain(retry_after=None):
            return Deferred(_reason(result), now + _backoff(stored.attempts))
        case EdgeBlock():  # should it be something in this job that is blocked, those behind it go first
            return Deferred(_reason(result), now + EDGE_HOLD + _backoff(stored.attempts))
        case _:
            return Deferred(_reason(result), stored.job.created_at)


def _hold(result: Answer) -> timedelta | None:
    """How long nobody submits anything after such an answer."""
    match result:
        case RateLimited(retry_after=seconds) | TryAgain(retry_after=float(seconds)):
            return timedelta(seconds=seconds)
        case EdgeBlock():
            return EDGE_HOLD
        case TryAgain():
            return OUTAGE_HOLD
        case _:
            return None


def _reason(result: Answer) -> str:
    match result:
        case RateLimited():
            return f"Apiframe asked to slow down (429), for {result.retry_after:.0f} s."
        case EdgeBlock() | TryAgain() | OutcomeUnknown() | Rejected():
            return result.message
        case Accepted():
            return "accepted"


def _backoff(attempts: int) -> timedelta:
    """1, 2, 4 … 60 s, each a little shorter at random so that jobs do not come back together."""
    return timedelta(seconds=min(2.0 ** max(attempts - 1, 0), LONGEST_BACKOFF) * random.uniform(0.7, 1.0))

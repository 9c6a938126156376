"""The account at upstream: what its refusals mean for everybody's jobs, and when it is well again.

401, 402 and 403 say nothing about a job. They pause all submissions until `GET /v2/me` shows that the key works and has
the credits, or until an operator resumes.
"""

import asyncio
from datetime import timedelta

import structlog

from tracker.apiframe.protocol import INPAINT_CREDITS, Account, InsufficientCredits, Unauthorized
from tracker.errors import StoreUnavailable
from tracker.events import Deferred, Event, Refused
from tracker.job import Failure, FailureCode
from tracker.store.gate import Cause, Pause
from tracker.store.wire import Stored
from workers.tools import Tools

ROUND_SECONDS = 1.0
PROBE_EVERY = timedelta(seconds=20)
CHECK_SECONDS = 3.0
SECOND_TRY = timedelta(seconds=5)

log = structlog.get_logger()


async def refused(tools: Tools, result: Unauthorized | InsufficientCredits, stored: Stored) -> Event:
    """What becomes of the job whose attempt was refused so; submissions are paused where the account is at fault."""
    if isinstance(result, InsufficientCredits) and await _suffices(tools, result.required):
        return _short(tools, result, stored)
    pause = _pause_for(tools, result)
    if await tools.gate.pause(pause):
        log.error("submissions paused", cause=pause.cause, reason=pause.reason)
    return Deferred(pause.reason, stored.job.created_at)


def _short(tools: Tools, result: InsufficientCredits, stored: Stored) -> Event:
    """Credits may have come, or been given back, since the refusal; refused a second time, the job fails alone.

    One that upstream may have already is never called failed for that.
    """
    reason = f"Apiframe: {result.message} (402), though the account shows enough credits."
    if stored.short_of_credits and not stored.doubtful:
        return Refused(Failure(code=FailureCode.INSUFFICIENT_CREDITS, message=reason))
    return Deferred(reason, tools.clock() + SECOND_TRY, short_of_credits=True)


async def _suffices(tools: Tools, required: int | None) -> bool:
    """Within the lease on the job: an account that does not answer quickly is taken for one that is short."""
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            account = await tools.apiframe.account()
    except TimeoutError:
        return False
    return isinstance(account, Account) and (account.credits or 0) >= (required or INPAINT_CREDITS)


def _pause_for(tools: Tools, result: Unauthorized | InsufficientCredits) -> Pause:
    if isinstance(result, Unauthorized):
        text = f"Apiframe refused the API key ({result.status_code}): {result.message}"
        return Pause(cause=Cause.KEY, reason=text, since=tools.clock())
    needed = result.required or INPAINT_CREDITS
    there = "unknown" if result.available is None else result.available
    text = f"Apiframe: {result.message} (402): {needed} credits needed, {there} there."
    return Pause(cause=Cause.CREDITS, reason=text, since=tools.clock(), credits=needed)


class AccountWatch:
    """While submissions are paused for the account's sake, one worker at a time asks whether it is well again."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def run(self) -> None:
        """For ever."""
        while True:
            try:
                await self.look()
            except StoreUnavailable as error:
                log.warning("cannot look whether submissions are paused", error=str(error))
            await asyncio.sleep(ROUND_SECONDS)

    async def look(self) -> None:
        """Resumes where the account is well again; an operator's pause is never touched."""
        gate = self._tools.gate
        pause = await gate.paused()
        if pause is None or pause.cause is Cause.OPERATOR or not await gate.may_probe(PROBE_EVERY):
            return
        account = await self._tools.apiframe.account()
        if not isinstance(account, Account):
            log.warning("submissions stay paused", cause=pause.cause, result=type(account).__name__)
        elif _is_well(account, pause) and await gate.resume(pause):
            log.info("submissions resumed", cause=pause.cause, credits=account.credits)


def _is_well(account: Account, pause: Pause) -> bool:
    """A key that tells of no credits is believed: the next attempt shows it."""
    return pause.cause is Cause.KEY or account.credits is None or account.credits >= (pause.credits or 0)

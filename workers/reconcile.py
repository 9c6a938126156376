"""What webhooks do not tell, upstream is asked: silent jobs, disputed ones, and strangers."""

import asyncio
from datetime import timedelta

import structlog

from tracker.apiframe.protocol import LookupResult, RateLimited, TryAgain
from tracker.errors import StoreUnavailable
from workers.tools import Tools

ROUND_SECONDS = 1.0
AT_ONCE = 20
LEASE = timedelta(seconds=10)
"""A lookup whose worker died is made again after that. Two at once cost nothing but a request."""
WINDOWS_A_MINUTE = 6
"""The budget of lookups is counted in windows of ten seconds, so that a minute's is not spent in its first."""

log = structlog.get_logger()


class Reconciler:
    """Any number of workers may run one: a lookup that is due is taken by one of them, and all share the budget."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    async def run(self) -> None:
        """For ever: takes the lookups that are due, at most `AT_ONCE` in a round."""
        while True:
            await asyncio.gather(*[self._look_up(job_id) for job_id in await self._due()])
            await asyncio.sleep(ROUND_SECONDS)

    async def _due(self) -> list[str]:
        budget = max(1, self._tools.settings.polls_per_minute // WINDOWS_A_MINUTE)
        try:
            now = self._tools.clock()
            return await self._tools.store.work.take_lookups(now, lease=LEASE, limit=AT_ONCE, budget=budget)
        except StoreUnavailable as error:
            log.warning("cannot take lookups", error=str(error))
            return []

    async def _look_up(self, job_id: str) -> None:
        try:
            await self._slow_down(await self._tools.lookups.ask(job_id))
        except StoreUnavailable as error:
            log.warning("lookup not recorded; it is repeated", job_id=job_id, error=str(error))
        except Exception:
            log.exception("lookup failed", job_id=job_id)

    async def _slow_down(self, result: LookupResult | None) -> None:
        """All workers together, as Apiframe asks."""
        if isinstance(result, RateLimited | TryAgain) and result.retry_after:
            await self._tools.gate.quieten(type(result).__name__, timedelta(seconds=result.retry_after))

"""What webhooks do not tell, upstream is asked: silent jobs, disputed ones, and strangers."""

import asyncio
from datetime import datetime, timedelta

import structlog

from tracker.apiframe import protocol
from tracker.errors import StoreUnavailable
from workers.tools import Tools

ROUND_SECONDS = 1.0
AT_ONCE = 20

log = structlog.get_logger()


class Reconciler:
    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._quiet_until: datetime | None = None

    async def run(self) -> None:
        """For ever: takes the lookups that are due, at most `AT_ONCE` in a round."""
        while True:
            await asyncio.gather(*[self._look_up(job_id) for job_id in await self._due()])
            await asyncio.sleep(ROUND_SECONDS)

    async def _due(self) -> list[str]:
        now = self._tools.clock()
        if self._quiet_until and now < self._quiet_until:
            return []
        try:
            return await self._tools.store.take_lookups(now, lease=self._tools.lease, limit=AT_ONCE)
        except StoreUnavailable as error:
            log.warning("cannot take lookups", error=str(error))
            return []

    async def _look_up(self, job_id: str) -> None:
        try:
            result = await self._tools.lookups.ask(job_id)
        except StoreUnavailable as error:
            log.warning("lookup not recorded; it is repeated", job_id=job_id, error=str(error))
        except Exception:
            log.exception("lookup failed", job_id=job_id)
        else:
            if isinstance(result, protocol.RateLimited | protocol.TryAgain) and result.retry_after:
                self._quiet_until = self._tools.clock() + timedelta(seconds=result.retry_after)

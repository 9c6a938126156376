"""What webhooks do not tell, upstream is asked: silent jobs, disputed ones, and strangers.

A lookup's answer goes through the same `plan` and the same script as a webhook. There is no second way to change a job.
"""

import asyncio
from datetime import datetime, timedelta

import structlog

from tracker.apiframe import protocol
from tracker.errors import StoreUnavailable
from tracker.events import Event, Expired, Missing, Report
from tracker.job import Source
from tracker.store.jobs import Applied
from tracker.store.wire import Stored
from workers.tools import Tools

ROUND_SECONDS = 1.0
AT_ONCE = 20
LOST_AFTER = 3
"""404s in a row, each a silence apart, before a job is called lost."""

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
            result = await look_up(self._tools, job_id)
        except StoreUnavailable as error:
            log.warning("lookup not recorded; it is repeated", job_id=job_id, error=str(error))
        except Exception:
            log.exception("lookup failed", job_id=job_id)
        else:
            if isinstance(result, protocol.RateLimited | protocol.TryAgain) and result.retry_after:
                self._quiet_until = self._tools.clock() + timedelta(seconds=result.retry_after)


async def look_up(tools: Tools, job_id: str) -> protocol.LookupResult | None:
    """Asks upstream about one job and applies what it says. An answer that says nothing leaves the job as it is."""
    stored = await tools.store.get(job_id)
    if stored is None or stored.job.upstream_job_id is None:
        await tools.store.drop_lookup(job_id)
        return None
    result = await tools.apiframe.job(stored.job.upstream_job_id)
    event = _event_of(result, stored)
    if event is None:
        log.warning("upstream could not be asked", job_id=job_id, result=type(result).__name__)
        return result
    applied = await _apply(tools, stored, event)
    log.info("looked up", job_id=job_id, outcome=applied.outcome, status=applied.status)
    if not applied.status.is_final and _overdue(tools, stored):
        await _apply(tools, stored, Expired("Apiframe did not finish it in time."))
    return result


def _event_of(result: protocol.LookupResult, stored: Stored) -> Event | None:
    """None where the answer is no word about this job: upstream being away never fails a job."""
    match result:
        case Report() if result.upstream_job_id == stored.job.upstream_job_id:
            return result
        case protocol.Missing():
            times = stored.misses + 1
            return Missing(times, lost=times >= LOST_AFTER)
        case _:
            return None


def _overdue(tools: Tools, stored: Stored) -> bool:
    since = stored.job.submitted_at or stored.job.created_at
    return tools.clock() - since > timedelta(seconds=tools.settings.settle_within_seconds)


async def _apply(tools: Tools, stored: Stored, event: Event) -> Applied:
    applied = await tools.store.apply(event, tools.clock(), job_id=stored.job.id, silence=tools.silence(stored))
    if applied.frees_slot and stored.webhook_url and isinstance(event, Report):
        log.warning("lost webhook repaired", job_id=stored.job.id, status=applied.status, settled_by=Source.POLL)
    return applied

"""Asking upstream about a job, and applying what it says: for workers in their rounds, and for an operator at once.

A lookup's answer goes through the same `plan` and the same script as a webhook. There is no second way to change a job.
"""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from tracker import logs
from tracker.apiframe import protocol
from tracker.clock import Clock
from tracker.events import Event, Missing, Overdue, Report
from tracker.job import Source
from tracker.settings import Settings
from tracker.store.jobs import Applied, JobStore
from tracker.store.wire import Stored
from tracker.tracing import JOB_ID, METHOD, OFF, RESULT, Tracing

POLL_WITHOUT_WEBHOOK = timedelta(seconds=3)
"""Upstream's own advice for images is every 2-3 s (dossier, section 2.3)."""
AGAIN = timedelta(seconds=5)
"""After a lookup that told nothing; its lease is longer than a lost webhook may wait to be repaired."""
LOST_AFTER, LOST_SPAN = 3, timedelta(seconds=90)
"""404s in a row, and from the first to the last of them, before a job is called lost."""

log = structlog.get_logger()


class Asked(Protocol):
    """ApiframeClient, or whoever makes one when it is first asked."""

    async def job(self, upstream_job_id: str) -> protocol.LookupResult: ...


@dataclass(frozen=True)
class Lookups:
    settings: Settings
    clock: Clock
    store: JobStore
    apiframe: Asked
    tracing: Tracing = OFF

    async def ask(self, job_id: str) -> protocol.LookupResult | None:
        """What upstream said, applied. An answer that says nothing leaves the job as it is; None: nothing to ask."""
        stored = await self.store.get(job_id)
        if stored is None or stored.job.upstream_job_id is None:
            await self.store.work.drop_lookup(job_id)
            return None
        logs.about(job_id, stored.trail)
        result = await self._asked(stored, stored.job.upstream_job_id)
        event = _event_of(result, stored, self.clock())
        if event is None:
            log.warning("upstream could not be asked", result=type(result).__name__)
            await self.store.work.bring_lookup_forward(job_id, self.clock() + AGAIN)
            if isinstance(result, protocol.Garbled) and self._overdue(stored):
                await self.apply(stored, Overdue(f"Apiframe tells nothing of it that can be read: {result.message}"))
            return result
        applied = await self.apply(stored, event)
        log.info("looked up", outcome=applied.outcome, status=applied.status)
        if not applied.status.is_final and self._overdue(stored):
            await self.apply(stored, Overdue("Apiframe did not finish it in time."))
        return result

    async def _asked(self, stored: Stored, upstream_job_id: str) -> protocol.LookupResult:
        told = {METHOD: "GET", JOB_ID: stored.job.id}
        with self.tracing.span("GET /v2/jobs/{id}", "client", stored.trail, told) as span:
            result = await self.apiframe.job(upstream_job_id)
            span.note({RESULT: (word := type(result).__name__)})
            if not isinstance(result, Report):
                span.fail(word)
        return result

    async def apply(self, stored: Stored, event: Event) -> Applied:
        applied = await self.store.apply(event, self.clock(), job_id=stored.job.id, silence=self.silence(stored))
        self.tracing.moved(applied.trail, applied.job_id, applied.before, applied.status, self.clock())
        if applied.frees_slot and stored.webhook_url and isinstance(event, Report):
            log.warning("lost webhook repaired", job_id=stored.job.id, status=applied.status, settled_by=Source.POLL)
        return applied

    def silence(self, stored: Stored) -> timedelta:
        """How long this job may be silent before upstream is asked; one of ours without a webhook always is.

        A little more or less at random, so that jobs which came together are not asked about together for ever.
        """
        usual = timedelta(seconds=self.settings.poll_after_seconds)
        span = usual if stored.webhook_url or not stored.attempts else min(usual, POLL_WITHOUT_WEBHOOK)
        return span * random.uniform(0.9, 1.1)

    def _overdue(self, stored: Stored) -> bool:
        since = stored.job.submitted_at or stored.job.created_at
        return self.clock() - since > timedelta(seconds=self.settings.settle_within_seconds)


def _event_of(result: protocol.LookupResult, stored: Stored, now: datetime) -> Event | None:
    """None where the answer is no word about this job: upstream being away never fails a job."""
    match result:
        case Report() if result.upstream_job_id == stored.job.upstream_job_id:
            return result
        case protocol.Missing():
            times, since = stored.misses + 1, stored.missing_since or now
            return Missing(times, lost=times >= LOST_AFTER and now - since >= LOST_SPAN, since=since)
        case _:
            return None

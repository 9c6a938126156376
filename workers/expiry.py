"""Pending jobs whose time is over: upstream has forgotten their keys by then, so they are never tried again.

One that was tried may be at upstream all the same: an answer was lost, or a worker died. Before such a job is called
expired, upstream's own list is searched for it; while upstream cannot be asked, the job stays as it is.
"""

from collections.abc import Sequence
from datetime import timedelta

import structlog

from tracker import logs
from tracker.events import Accepted, Expired, Report
from tracker.job import Outcome
from tracker.store.wire import Stored
from workers.search import Candidate, is_of, tells_nothing, unknown_to_us
from workers.tools import Tools

BATCH = 100
CLOCKS_APART = timedelta(minutes=1)
"""Between two workers. An attempt that began in time is over by then, whatever came of it."""

log = structlog.get_logger()


async def expire(tools: Tools) -> int:
    """Settles jobs that could not be submitted in time, also while submissions are held; returns how many."""
    within = timedelta(seconds=tools.settings.submit_within_seconds)
    ids = await tools.store.work.overdue(tools.clock() - within - tools.lease - CLOCKS_APART, BATCH)
    late = [stored for job_id in ids if (stored := await tools.store.get(job_id)) is not None]
    tried = [stored for stored in late if stored.attempts]
    candidates = await unknown_to_us(tools, min(one.job.created_at for one in tried)) if tried else []
    settled = [one for one in late if not one.attempts or candidates is not None]
    for stored in settled:
        with logs.within(stored.job.id, stored.trail):
            await _settle(tools, stored, candidates or [], tried)
    return len(settled)


async def _settle(tools: Tools, stored: Stored, candidates: Sequence[Candidate], tried: Sequence[Stored]) -> None:
    """Bound where one job of upstream's fits, and fits no other that is late: masks cannot be compared."""
    found = [report for report in candidates if is_of(report, stored)]
    fitting = [other for other in tried if found and is_of(found[0], other)]
    if len(found) == len(fitting) == 1 and await _bound(tools, stored, found[0]):
        return
    unclear = [report for report in candidates if tells_nothing(report)] if stored.attempts else []
    within = timedelta(seconds=tools.settings.submit_within_seconds)
    text = f"Not submitted within {within}."
    if found or unclear:
        text += f" Apiframe has {len(found) or len(unclear)} jobs like it, and nothing tells which one is this."
    await tools.lookups.apply(stored, Expired(text))


async def _bound(tools: Tools, stored: Stored, report: Report) -> bool:
    """False where somebody else tracks it already."""
    applied = await tools.lookups.apply(stored, Accepted(report.upstream_job_id, report.status))
    log.warning("a submission whose answer was lost is found", outcome=applied.outcome)
    return applied.outcome is not Outcome.CONFLICT

"""Pending jobs whose time is over: upstream has forgotten their keys by then, so they are never tried again.

One that was tried may be at upstream all the same: an answer was lost, or a worker died. Before such a job is called
expired, upstream's own list is searched for it; while upstream cannot be asked, the job stays as it is.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog

from tracker.apiframe.protocol import Listing
from tracker.apiframe.reading import MAX_TEXT
from tracker.events import Accepted, Expired, Report
from tracker.store.wire import Stored
from workers.tools import Tools

BATCH = 100
MOST_PAGES = 200
CLOCKS_APART = timedelta(minutes=2)

log = structlog.get_logger()


async def expire(tools: Tools) -> int:
    """Settles jobs that could not be submitted in time, also while submissions are held; returns how many."""
    within = timedelta(seconds=tools.settings.submit_within_seconds)
    ids = await tools.store.overdue(tools.clock() - within, BATCH)
    late = [stored for job_id in ids if (stored := await tools.store.get(job_id)) is not None]
    tried = [stored for stored in late if stored.attempts]
    candidates = await _unknown_at_upstream(tools, min(one.job.created_at for one in tried)) if tried else []
    settled = [one for one in late if not one.attempts or candidates is not None]
    for stored in settled:
        await _settle(tools, stored, candidates or [])
    return len(settled)


async def _settle(tools: Tools, stored: Stored, candidates: Sequence[Report]) -> None:
    found = [report for report in candidates if _is_of(report, stored)]
    if len(found) == 1:
        log.warning("a submission whose answer was lost is found", job_id=stored.job.id)
        await tools.lookups.apply(stored, Accepted(found[0].upstream_job_id, found[0].status))
        return
    within = timedelta(seconds=tools.settings.submit_within_seconds)
    text = f"Not submitted within {within}."
    if found:
        text += f" Apiframe has {len(found)} jobs like it, and nothing tells which one is this."
    await tools.lookups.apply(stored, Expired(text))


def _is_of(report: Report, stored: Stored) -> bool:
    """By the address for webhooks, which holds our id; without one, by what was asked for."""
    if stored.webhook_url is not None:
        return report.webhook_url == stored.webhook_url
    asked = {"action": "inpaint", "parentJobId": stored.job.parent_job_id, "prompt": stored.job.prompt}
    told = {name: report.origin.get(name) for name in asked}
    return report.webhook_url is None and told == {**asked, "prompt": (stored.job.prompt or "")[:MAX_TEXT] or None}


async def _unknown_at_upstream(tools: Tools, since: datetime) -> list[Report] | None:
    """Upstream's jobs from a moment on that none of ours is bound to, each looked up; None where it does not answer."""
    ids = await _listed(tools, since - CLOCKS_APART)
    if ids is None:
        return None
    reports = []
    for upstream_id in ids:
        if await tools.store.find(upstream_id) is None:
            result = await tools.apiframe.job(upstream_id)
            if not isinstance(result, Report):
                return None
            reports.append(result)
    return reports


async def _listed(tools: Tools, since: datetime) -> list[str] | None:
    ids: list[str] = []
    cursor = None
    for _ in range(MOST_PAGES):
        page = await tools.apiframe.jobs(cursor)
        if not isinstance(page, Listing):
            log.warning("upstream cannot be searched", result=type(page).__name__)
            return None
        ids += [job_id for job_id, created in page.jobs if created >= since]
        cursor = page.next_cursor
        if cursor is None or (page.jobs and page.jobs[-1][1] < since):
            return ids
    return ids

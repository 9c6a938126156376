"""Upstream's own list, searched for jobs of ours whose submission was never answered.

The list tells no inputs, so each job there that none of ours is bound to is looked up.
"""

from datetime import datetime, timedelta
from typing import TypeGuard

import structlog

from tracker.apiframe.protocol import Garbled, Hindrance, Listing, Missing, RateLimited
from tracker.apiframe.reading import MAX_TEXT
from tracker.events import Report
from tracker.store.wire import Stored
from workers.tools import Tools

MOST_PAGES = 200
CLOCKS_APART = timedelta(minutes=2)

Candidate = Report | Garbled
"""A job of upstream's that none of ours is bound to."""
log = structlog.get_logger()


def is_of(report: Candidate, stored: Stored) -> TypeGuard[Report]:
    """By the address for webhooks, which holds our id; without one, by what was asked for."""
    if isinstance(report, Garbled):
        return False
    if stored.webhook_url is not None:
        return report.webhook_url == stored.webhook_url
    asked = {"action": "inpaint", "parentJobId": stored.job.parent_job_id, "prompt": stored.job.prompt}
    told = {name: report.origin.get(name) for name in asked}
    return report.webhook_url is None and told == {**asked, "prompt": (stored.job.prompt or "")[:MAX_TEXT] or None}


def tells_nothing(report: Candidate) -> bool:
    """Upstream need not tell what a job was made from: such a one may be any."""
    return isinstance(report, Garbled) or (report.webhook_url is None and not report.origin)


async def unknown_to_us(tools: Tools, since: datetime) -> list[Candidate] | None:
    """Upstream's jobs from a moment on that none of ours is bound to, each looked up; None where it does not answer."""
    ids = await _listed(tools, since - CLOCKS_APART)
    if ids is None:
        return None
    reports: list[Candidate] = []
    for upstream_id in ids:
        holder = await tools.store.find_upstream(upstream_id)
        if holder is not None and holder.attempts:
            continue  # one of ours has it; a stranger may be what is searched for
        result = await tools.apiframe.job(upstream_id)
        if isinstance(result, Report | Garbled):
            reports.append(result)
        elif not isinstance(result, Missing):
            await _slow_down(tools, result)
            return None
    return reports


async def _slow_down(tools: Tools, result: Hindrance) -> None:
    """As a lookup does: all workers together."""
    if isinstance(result, RateLimited):
        await tools.gate.quieten("RateLimited", timedelta(seconds=result.retry_after))


async def _listed(tools: Tools, since: datetime) -> list[str] | None:
    ids: list[str] = []
    cursor = None
    for _ in range(MOST_PAGES):
        page = await tools.apiframe.jobs(cursor)
        if not isinstance(page, Listing):
            log.warning("upstream cannot be searched", result=type(page).__name__)
            await _slow_down(tools, page)
            return None
        ids += [job_id for job_id, created in page.jobs if created >= since]
        cursor = page.next_cursor
        if cursor is None or (page.jobs and page.jobs[-1][1] < since):
            return ids
    return ids

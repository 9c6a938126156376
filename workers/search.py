"""Upstream's own list, searched for jobs of ours whose submission was never answered.

The list tells no inputs, so each job there that none of ours is bound to is looked up.
"""

from datetime import datetime, timedelta

import structlog

from tracker.apiframe.protocol import Listing
from tracker.apiframe.reading import MAX_TEXT
from tracker.events import Report
from tracker.store.wire import Stored
from workers.tools import Tools

MOST_PAGES = 200
CLOCKS_APART = timedelta(minutes=2)

log = structlog.get_logger()


def is_of(report: Report, stored: Stored) -> bool:
    """By the address for webhooks, which holds our id; without one, by what was asked for."""
    if stored.webhook_url is not None:
        return report.webhook_url == stored.webhook_url
    asked = {"action": "inpaint", "parentJobId": stored.job.parent_job_id, "prompt": stored.job.prompt}
    told = {name: report.origin.get(name) for name in asked}
    return report.webhook_url is None and told == {**asked, "prompt": (stored.job.prompt or "")[:MAX_TEXT] or None}


async def unknown_to_us(tools: Tools, since: datetime) -> list[Report] | None:
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

"""Somebody reads all of ten thousand jobs, page by page, while a thousand come and a thousand go.

A cursor is an id, ids are ordered by creation, and a page begins below one: so what comes lies before the first page,
what goes leaves a gap that nobody steps into, and whoever was there throughout is met exactly once.
"""

import asyncio
from collections.abc import Iterable
from datetime import timedelta

from tests.samples import SILENCE, START, pending_job
from tracker.events import Expired
from tracker.job import Job
from tracker.store.jobs import JobStore
from tracker.store.pages import Filter

JOBS, COMING, GOING = 10_000, 1_000, 1_000


async def create(store: JobStore, jobs: Iterable[Job]) -> None:
    """A hundred at a time."""
    waiting = list(jobs)
    for start in range(0, len(waiting), 100):
        await asyncio.gather(*[store.create(job, b"") for job in waiting[start : start + 100]])


async def test_every_job_that_was_there_throughout_is_seen_exactly_once(store: JobStore) -> None:
    """None skipped, none repeated, no page empty in the middle."""
    jobs = [pending_job(START + timedelta(milliseconds=n)) for n in range(JOBS)]
    await create(store, jobs)
    going = jobs[:: JOBS // GOING]
    for job in going:
        await store.apply(Expired("late"), START, job_id=job.id, silence=SILENCE)

    pages: list[list[str]] = []
    cursor, more = None, True
    while more:
        page = await store.page(Filter(owner="editor"), 100, cursor)
        pages.append([stored.job.id for stored in page.jobs])
        cursor, more = page.next_cursor, page.next_cursor is not None
        await store.work.retire(START + timedelta(days=31), 10)
        await create(store, (pending_job(START + timedelta(hours=1)) for _ in range(COMING // 100)))

    seen = [job_id for page in pages for job_id in page]
    assert len(seen) == len(set(seen))
    assert {job.id for job in jobs} - {job.id for job in going} <= set(seen)
    assert all(len(page) == 100 for page in pages[:-1])
    assert seen == sorted(seen, reverse=True)
    assert len(pages) >= (JOBS - GOING) / 100

"""Pages against a plain reference: made-up jobs and filters, on a real Redis."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from tests.samples import START, pending_job
from tracker.clock import to_ms
from tracker.job import Job, Status
from tracker.store.jobs import JobStore
from tracker.store.keys import name
from tracker.store.pages import Filter

OWNERS, PARENTS, VALUES = ("editor", "shop"), ("c3d4", "d3d4"), ("1", "a=b")

moments = st.integers(-1_500, 6_500).map(lambda n: START + timedelta(microseconds=n))
labels = st.dictionaries(st.sampled_from(("order", "shop")), st.sampled_from(VALUES))


@st.composite
def _job(draw: st.DrawFn) -> Job:
    """Few values of everything, so that filters meet jobs; several in the same millisecond."""
    at = START + timedelta(milliseconds=draw(st.integers(0, 5)))
    fields: dict[str, Any] = {
        "status": draw(st.sampled_from(Status)),
        "parent_job_id": draw(st.sampled_from((None, *PARENTS))),
        "labels": draw(labels),
    }
    return pending_job(at, draw(st.sampled_from(OWNERS)), **fields)


some_jobs = st.lists(_job(), max_size=20)
filters = st.builds(
    Filter,
    statuses=st.sets(st.sampled_from(Status)).map(lambda some: tuple(sorted(some))),
    owner=st.none() | st.sampled_from((*OWNERS, "nobody")),
    parent_job_id=st.none() | st.sampled_from((*PARENTS, "e3d4")),
    labels=labels.map(lambda some: tuple(sorted(some.items()))),
    created_after=st.none() | moments,
    created_before=st.none() | moments,
)
made_up = settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])


def wanted_of(jobs: Sequence[Job], wanted: Filter) -> list[str]:
    """Ids of those that a filter wants, newest first, by what is written of it."""
    return sorted((job.id for job in jobs if _wants(wanted, job)), reverse=True)


def _wants(wanted: Filter, job: Job) -> bool:
    made = to_ms(job.created_at)
    return not (
        (wanted.statuses and job.status not in wanted.statuses)
        or (wanted.owner and job.owner != wanted.owner)
        or (wanted.parent_job_id and job.parent_job_id != wanted.parent_job_id)
        or not set(wanted.labels) <= set(job.labels.items())
        or (wanted.created_after and made <= to_ms(wanted.created_after))
        or (wanted.created_before and made >= to_ms(wanted.created_before))
    )


async def fill(redis: Redis, store: JobStore, jobs: Sequence[Job]) -> None:
    """These jobs and no others, each in its state from the start."""
    await redis.flushall()
    for job in jobs:
        await store.create(job, b"")
        if job.status in (Status.QUEUED, Status.PROCESSING):
            await redis.zadd(name("outbox"), {f"lookup:{job.id}": 0})


async def pages(store: JobStore, wanted: Filter, limit: int) -> list[list[str]]:
    """Ids, page by page to the last."""
    page = await store.page(wanted, limit)
    found = [[stored.job.id for stored in page.jobs]]
    while page.next_cursor:
        page = await store.page(wanted, limit, page.next_cursor)
        found.append([stored.job.id for stored in page.jobs])
    return found


@given(jobs=some_jobs, wanted=filters)
def test_a_filter_knows_its_jobs_without_redis(jobs: list[Job], wanted: Filter) -> None:
    """For those who have the job at hand."""
    assert sorted((job.id for job in jobs if wanted.matches(job)), reverse=True) == wanted_of(jobs, wanted)


@made_up
@given(
    jobs=some_jobs, wanted=st.lists(filters, min_size=1, max_size=4), limit=st.integers(1, 7), budget=st.integers(1, 9)
)
async def test_pages_show_what_the_filter_wants(
    redis: Redis, store: JobStore, jobs: list[Job], wanted: list[Filter], limit: int, budget: int
) -> None:
    """All of it once, newest first, every page but the last full, however few ids a call may look at."""
    await fill(redis, store, jobs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tracker.store.pages.LOOKED_AT_ONCE", budget)
        for one in wanted:
            *full, last = await pages(store, one, limit)
            assert [job_id for page in [*full, last] for job_id in page] == wanted_of(jobs, one)
            assert all(len(page) == limit for page in full)
            assert last or not full

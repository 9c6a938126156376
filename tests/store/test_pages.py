"""Pages against a plain reference: made-up jobs and filters, on a real Redis."""

from collections.abc import Sequence
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from tests.samples import SILENCE, START, pending_job
from tracker.clock import to_ms
from tracker.events import Expired
from tracker.ids import new_id
from tracker.job import Job, MaskFacts, Status
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


@made_up
@given(
    jobs=some_jobs, wanted=st.lists(filters, min_size=1, max_size=4), most=st.integers(0, 20), budget=st.integers(1, 9)
)
async def test_a_count_is_that_of_the_pages(
    redis: Redis, store: JobStore, jobs: list[Job], wanted: list[Filter], most: int, budget: int
) -> None:
    """Up to a bound, and whether there are more; so are the ids alone."""
    await fill(redis, store, jobs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tracker.store.pages.LOOKED_AT_ONCE", budget)
        for one in wanted:
            ids = wanted_of(jobs, one)
            assert await store.count(one, most) == (min(most, len(ids)), len(ids) > most)
            assert await store.ids(one, most) == (ids[:most], len(ids) > most)


@made_up
@given(jobs=some_jobs, limit=st.integers(1, 4), moving=st.randoms(use_true_random=False))
async def test_jobs_that_move_between_pages_are_seen_once(
    redis: Redis, store: JobStore, jobs: list[Job], limit: int, moving: Random
) -> None:
    """From one status to another that is asked for as well."""
    await fill(redis, store, jobs)
    wanted = Filter(statuses=(Status.PENDING, Status.FAILED))
    page = await store.page(wanted, limit)
    seen = [stored.job.id for stored in page.jobs]
    while page.next_cursor:
        pending, _ = await store.ids(Filter(statuses=(Status.PENDING,)), 99)
        for job_id in moving.sample(pending, len(pending) // 2):
            await store.apply(Expired("late"), START, job_id=job_id, silence=SILENCE)
        await store.create(pending_job(START + timedelta(hours=1)), b"")
        page = await store.page(wanted, limit, page.next_cursor)
        seen += [stored.job.id for stored in page.jobs]
    assert seen == wanted_of(jobs, wanted)


async def test_sizes_are_those_of_the_newest_masks(store: JobStore) -> None:
    """A job that somebody else submitted has no mask that we know of, and counts as one of them."""
    for n, width in enumerate((512, 1024, None, 1024, 2048)):
        mask = MaskFacts(sha256="9f" * 32, width=width, height=768, coverage=0.2) if width else None
        await store.create(pending_job(START + timedelta(milliseconds=n), mask=mask), b"PNG")
    wanted = Filter(owner="editor")
    assert await store.mask_sizes(wanted, 3) == {(2048, 768), (1024, 768)}
    assert await store.mask_sizes(wanted, 9) == {(2048, 768), (1024, 768), (512, 768)}
    assert await store.mask_sizes(Filter(owner="nobody"), 9) == set()


async def test_an_entry_without_a_record_is_passed_over_and_goes(redis: Redis, store: JobStore) -> None:
    """Somebody deleted it by hand."""
    jobs = [pending_job(START + timedelta(seconds=n), status=Status.FAILED) for n in range(3)]
    await fill(redis, store, jobs)
    await redis.delete(name("job", jobs[1].id))
    found = await pages(store, Filter(statuses=(Status.FAILED, Status.CANCELLED)), 1)
    assert found == [[jobs[2].id], [jobs[0].id]]
    assert await redis.zscore(name("status", "FAILED"), jobs[1].id) is None
    await redis.flushall()


async def test_a_page_takes_no_longer_for_many_others(redis: Redis, store: JobStore) -> None:
    """Counted in calls of the script: the few pending and queued ones among very many that are completed."""
    others = [new_id(START + timedelta(milliseconds=n)) for n in range(20_000)]
    few = [pending_job(START - timedelta(seconds=n)) for n in range(1, 4)]
    await fill(redis, store, few)
    for index in (name("jobs"), name("status", "COMPLETED"), name("owner", "editor")):
        await redis.zadd(index, dict.fromkeys(others, 0))
    for wanted in (
        Filter(statuses=(Status.PENDING, Status.QUEUED)),
        Filter(statuses=(Status.PENDING, Status.QUEUED), owner="editor"),
        Filter(statuses=(Status.PENDING, Status.COMPLETED), created_before=START),
        Filter(owner="editor", created_before=START),
    ):
        before = await _script_calls(redis)
        assert len((await store.page(wanted, 3)).jobs) == 3
        assert await store.count(wanted, 10) == (3, False)
        assert await _script_calls(redis) - before == 2
    await redis.flushall()


async def test_an_index_that_ends_early_is_not_walked_to(redis: Redis, store: JobStore) -> None:
    """Where one index lies wholly before another, both being large, nothing between them is looked at."""
    await redis.zadd(name("owner", "editor"), {new_id(START + timedelta(milliseconds=n)): 0 for n in range(20_000)})
    await redis.zadd(
        name("status", "FAILED"), {new_id(START - timedelta(milliseconds=n + 1)): 0 for n in range(20_000)}
    )
    before = await _script_calls(redis)
    assert await store.count(Filter(owner="editor", statuses=(Status.FAILED,)), 10) == (0, False)
    assert await _script_calls(redis) - before <= 2
    await redis.flushall()


async def _script_calls(redis: Redis) -> int:
    calls = (await redis.info("commandstats")).get("cmdstat_evalsha", {"calls": 0})
    return int(calls["calls"])

"""The function keeps records of jobs that go on, so as not to unpack them again, and what bare reports ask for. What
lies in Redis counts."""

from datetime import timedelta
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from tests.samples import SILENCE, START, Sample, delivered
from tests.store.crowds import many, told, until_over_the_line
from tracker.clock import to_ms
from tracker.events import Report
from tracker.job import Outcome, Source, Status
from tracker.store.jobs import JobStore
from tracker.store.keys import name
from tracker.store.wire import change_document
from tracker.transitions import State, plan

KNOWN = 512
"""MOST_KNOWN and MOST_PLANS of the scripts."""


@pytest.fixture
async def known(store: JobStore, redis: Redis) -> Sample:
    """A job that the function has written a moment ago: its progress is 51 at most."""
    samples = await many(store, 3)
    await until_over_the_line(store, redis, samples)
    return samples[0]


async def test_what_somebody_else_has_written_counts(known: Sample, redis: Redis) -> None:
    """A restored record, or one that was written past the function."""
    record: bytes = await redis.get(name("job", known.job.id)) or b""
    await told(known.store, [known], 70)
    await redis.set(name("job", known.job.id), record)
    assert await told(known.store, [known], 60) == [Outcome.APPLIED]
    assert (await known.now()).progress == 60


async def test_a_change_that_breaks_off_leaves_nothing_in_what_is_known(known: Sample) -> None:
    """It has changed the table before it fails, and not the record."""
    asked = change_document(plan(delivered(known.up, Status.PROCESSING, progress=80), START), None, SILENCE)
    del asked["silence"]
    with pytest.raises(ResponseError, match="number expected, got nil"):
        await known.store._news.tell(asked)
    assert await told(known.store, [known], 60) == [Outcome.APPLIED]
    assert (await known.now()).progress == 60


async def test_more_jobs_than_are_known_are_written_as_they_should_be(known: Sample) -> None:
    store, strangers = known.store, [Sample(known.store) for _ in range(KNOWN + 20)]
    assert set(await told(store, strangers, 50)) == {Outcome.ADOPTED}
    for progress in (60, 70):
        assert set(await told(store, strangers, progress)) == {Outcome.APPLIED}
    ours = await store.resolve([one.up for one in strangers])
    assert {stored.job.progress for job_id in ours.values() if (stored := await store.get(job_id))} == {70}
    assert len(ours) == len(strangers)


async def test_what_is_known_takes_no_more_memory_than_so_many_records_do(known: Sample, redis: Redis) -> None:
    """Six times as many are written. Were they all kept, it would be twice the bound."""
    before = await _memory_of_functions(redis)
    for _ in range(6):
        assert set(await told(known.store, [Sample(known.store) for _ in range(KNOWN)], 50)) == {Outcome.ADOPTED}
    assert await _memory_of_functions(redis) - before < KNOWN * 4 * 1024


async def _memory_of_functions(redis: Redis) -> int:
    memory = await redis.info("memory")
    return int(memory["used_memory_vm_functions"])


async def test_more_plans_than_are_known_are_each_their_own(known: Sample, redis: Redis) -> None:
    """What is asked for differs by the silence: upstream is asked again after it."""
    for second in range(1, KNOWN + 20):
        report = Report(Source.WEBHOOK, known.up, Status.PROCESSING, 51 + second % 40, is_bare=True)
        applied = await known.store.apply(report, START, job_id=None, silence=timedelta(seconds=second))
        assert applied.job_id == known.job.id
        if applied.outcome is Outcome.APPLIED:
            assert await redis.zscore(name("outbox"), f"lookup:{known.job.id}") == to_ms(START) + 1000 * second
    assert (await known.now()).progress == 90


async def test_versions_of_any_length_are_told_as_they_are(known: Sample, redis: Redis) -> None:
    """Small numbers go to Redis as text that is remembered, others as numbers."""
    sample = await Sample(known.store).in_state(State.QUEUED)
    versions = list[int]()
    for progress in range(1, 101):
        await told(known.store, [sample], progress)
        newest: Any = await redis.xrevrange(name("feed"), count=1)
        stored = await known.store.get(sample.job.id)
        assert stored
        versions.append(stored.version)
        assert newest[0][1][b"version"].decode() == str(stored.version)
    assert versions[-1] > 100

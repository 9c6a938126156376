"""The feed: one reader, many who wait."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from redis.asyncio import Redis

from tests.samples import Sample, delivered
from tracker.job import Status
from tracker.store import feed as module
from tracker.store.connection import connect
from tracker.store.feed import Feed, FeedEntry
from tracker.transitions import State


@asynccontextmanager
async def feeding(redis_url: str) -> AsyncIterator[tuple[Feed, Redis]]:
    """A running feed that somebody listens to, and the connection that it reads from."""
    blocking = connect(redis_url, reply_within=None)
    feed = Feed(blocking)
    feed.attend()
    reader = asyncio.create_task(feed.run())
    try:
        await feed.ready.wait()
        yield feed, blocking
    finally:
        reader.cancel()
        with suppress(asyncio.CancelledError):
            await reader
        await blocking.aclose()


async def test_a_change_wakes_those_who_wait_for_its_job_alone(redis_url: str, sample: Sample) -> None:
    """At once; the others sleep on."""
    await sample.in_state(State.PROCESSING)
    async with feeding(redis_url) as (feed, _):
        with feed.watch(sample.job.id) as mine, feed.watch("another") as others:
            waiting = [asyncio.create_task(watcher.changed(20)) for watcher in (mine, others)]
            await asyncio.sleep(0.05)
            await sample.apply(delivered(sample.up, Status.PROCESSING, progress=90))
            async with asyncio.timeout(2):
                await waiting[0]
            assert not waiting[1].done()
            waiting[1].cancel()


async def test_a_change_between_registration_and_wait_is_not_missed(redis_url: str, sample: Sample) -> None:
    """Whoever registers first and reads then sees it."""
    await sample.in_state(State.PROCESSING)
    async with feeding(redis_url) as (feed, _):
        with feed.watch(sample.job.id) as watcher:
            await sample.apply(delivered(sample.up, Status.PROCESSING, progress=90))
            async with asyncio.timeout(2):
                await watcher.changed(20)


async def test_a_change_before_the_reader_has_found_its_place_is_not_missed(redis_url: str) -> None:
    """Whoever waited already is woken once, and reads for himself."""
    feed = Feed(connect(redis_url, reply_within=None))
    with feed.watch("job") as watcher:
        reader = asyncio.create_task(feed.run())
        async with asyncio.timeout(2):
            await watcher.changed(20)
    reader.cancel()
    with suppress(asyncio.CancelledError):
        await reader
    await feed._redis.aclose()


async def test_what_happened_while_the_connection_was_cut_is_told_afterwards(redis_url: str, sample: Sample) -> None:
    """The reader goes on from where it was."""
    await sample.in_state(State.PROCESSING)
    told: list[FeedEntry] = []
    async with feeding(redis_url) as (feed, blocking):
        feed.listen(told.extend)
        await sample.apply(delivered(sample.up, Status.PROCESSING, progress=60))
        async with asyncio.timeout(5):
            while not told:
                await asyncio.sleep(0.01)
        await blocking.connection_pool.disconnect()
        await sample.apply(delivered(sample.up, Status.PROCESSING, progress=70))
        async with asyncio.timeout(5):
            while len(told) < 2:
                await asyncio.sleep(0.01)
    assert [entry.version for entry in told] == [4, 5]
    assert {entry.owner for entry in told} == {"editor"}


async def test_a_feed_that_nobody_listens_to_reads_nothing_and_hears_of_what_comes_later(
    redis_url: str, redis: Redis, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A busy feed would keep a process busy for nobody. Who comes is told of what happens from then on."""
    monkeypatch.setattr(module, "LINGER_SECONDS", 0.0)
    monkeypatch.setattr(module, "BLOCK_MS", 50)
    await sample.in_state(State.PROCESSING)
    told: list[FeedEntry] = []
    here = [False]
    async with feeding(redis_url) as (feed, _):
        feed.listen(told.extend, lambda: here[0])
        await asyncio.sleep(0.2)
        reads = await times_read(redis)
        await sample.apply(delivered(sample.up, Status.PROCESSING, progress=60))
        await asyncio.sleep(0.2)
        assert await times_read(redis) == reads
        here[0] = True
        feed.attend()
        async with asyncio.timeout(5):
            while not feed.well:
                await asyncio.sleep(0.01)
            await sample.apply(delivered(sample.up, Status.PROCESSING, progress=70))
            while not told:
                await asyncio.sleep(0.01)
    assert [entry.version for entry in told] == [5]


async def times_read(redis: Redis) -> int:
    stats = await redis.info("commandstats")
    return sum(
        stats[f"cmdstat_{command}"]["calls"] for command in ("xread", "xrevrange") if f"cmdstat_{command}" in stats
    )


async def test_closing_wakes_everyone_for_good(redis_url: str) -> None:
    """Also those who come later: a stopping service holds no answer."""
    async with feeding(redis_url) as (feed, _):
        with feed.watch("job") as watcher:
            waiting = asyncio.create_task(watcher.changed(20))
            await asyncio.sleep(0)
            feed.close()
            async with asyncio.timeout(1):
                await waiting
                await watcher.changed(20)
        with feed.watch("job") as later:
            assert later.closed

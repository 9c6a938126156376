"""A store that is closed leaves no connection behind, whatever was under way: it would stay until the process ends."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from tracker.clock import utc_now
from tracker.errors import StoreUnavailable
from tracker.ids import new_id
from tracker.store.connection import connect
from tracker.store.jobs import JobStore

SOON, LATE = 0.3, 4.0
SOMEBODY = new_id(utc_now())


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[JobStore]:
    redis = connect(url)
    store = JobStore(redis, retention=timedelta(days=1), submit_within=timedelta(days=1))
    yield store
    await store.aclose()
    await redis.aclose()


async def connections(redis: Redis) -> int:
    """That are there when everything has had time to be made anew."""
    await asyncio.sleep(SOON)
    return len(await redis.client_list())


async def held_up(redis: Redis, seconds: float) -> None:
    """Redis answers nobody for so long."""
    await redis.client_pause(int(seconds * 1000))


@pytest.mark.parametrize("many", [1, 2], ids=["by redis-py", "by the line"])
async def test_a_call_that_nobody_waits_for_any_more(redis: Redis, redis_url: str, many: int) -> None:
    before = await connections(redis)
    async with opened(redis_url) as store:
        await asyncio.gather(*[store.get(SOMEBODY) for _ in range(many)])
        await asyncio.sleep(SOON)
        await held_up(redis, SOON)
        asking = [asyncio.ensure_future(store.get(SOMEBODY)) for _ in range(many)]
        await asyncio.sleep(0)
        for task in asking:
            task.cancel()
    assert await connections(redis) == before


async def test_a_line_that_is_just_being_made(redis: Redis, redis_url: str) -> None:
    before = await connections(redis)
    async with opened(redis_url) as store:
        asking = [asyncio.ensure_future(store.get(SOMEBODY)) for _ in range(2)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        for task in asking:
            task.cancel()
    assert await connections(redis) == before


async def test_a_redis_that_does_not_answer_holds_up_nobody(redis: Redis, redis_url: str) -> None:
    loop = asyncio.get_running_loop()
    async with opened(redis_url) as store:
        await store.get(SOMEBODY)
        await held_up(redis, LATE)
        asking = asyncio.ensure_future(store.get(SOMEBODY))
        await asyncio.sleep(0)
        begun = loop.time()
    assert loop.time() - begun < LATE - 1
    with suppress(StoreUnavailable):
        await asking
    await redis.client_unpause()

"""Many jobs of which there is news at once, so that it goes over the line of our own."""

import asyncio
from typing import Any

from redis.asyncio import Redis

from tests.samples import SILENCE, START, Sample, delivered
from tracker.job import Outcome, Status
from tracker.store.jobs import JobStore
from tracker.transitions import State


async def many(store: JobStore, count: int) -> list[Sample]:
    samples = [Sample(store) for _ in range(count)]
    for sample in samples:
        await sample.in_state(State.PROCESSING)
    return samples


async def told(store: JobStore, samples: list[Sample], progress: int) -> list[Outcome]:
    news = (delivered(one.up, Status.PROCESSING, progress=progress) for one in samples)
    applied = await asyncio.gather(*(store.apply(one, START, job_id=None, silence=SILENCE) for one in news))
    return [one.outcome for one in applied]


async def until_over_the_line(store: JobStore, redis: Redis, samples: list[Sample]) -> None:
    await told(store, samples, 50)
    async with asyncio.timeout(5):
        while b"cmd=fcall" not in await clients(redis):
            await told(store, samples, 51)
            await asyncio.sleep(0.05)


async def clients(redis: Redis) -> bytes:
    listed: Any = await redis.execute_command("CLIENT", "LIST")  # type: ignore[no-untyped-call]  # redis-py has no types here
    return str(listed).encode()

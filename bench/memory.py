"""What a finished job takes in Redis, with its history and all index entries, after the usual deliveries.

What does not grow with the jobs, but is capped or counts by time (the feed, the figures), is left out, and told.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis
from rich.console import Console
from rich.table import Table

from bench.contenders import our_ends, submitted, wrong
from bench.measures import Measure, Scale
from bench.place import a_redis, a_store
from bench.traffic import Traffic, traffic
from tests.door import UPSTREAM_KEY
from tests.samples import SILENCE
from tracker.apiframe.reading import read_delivery
from tracker.apiframe.signature import Verifier
from tracker.clock import utc_now
from tracker.store.jobs import JobStore
from tracker.store.keys import prefix

SHARED = ("feed", "minute", "hour", "day", "counts", "deliveries", "instance")
"""Keys that are capped, or go by time, however many jobs there are."""
AT_ONCE = 50


def run(console: Console, scale: Scale) -> list[Measure]:
    with a_redis() as redis_url:
        return asyncio.run(_run(console, scale, redis_url))


async def _run(console: Console, scale: Scale, redis_url: str) -> list[Measure]:
    async with a_store(redis_url) as (store, redis):
        await _live(store, traffic(AT_ONCE, seed=1))  # scripts, and what else there is but once
        before, shared_before = await _used(redis), await _by_kind(redis, SHARED)
        await _live(store, traffic(scale.lives))
        grown = await _used(redis) - before
        kinds = await _by_kind(redis)
    shared = sum(kinds[name] - shared_before[name] for name in SHARED)
    table = Table(title=f"Bytes in Redis for each of {scale.lives:,} finished jobs")
    table.add_column("keys")
    table.add_column("bytes", justify="right")
    for name, size in kinds.most_common():
        if name not in SHARED:
            table.add_row(name, f"{size / scale.lives:,.0f}")
    table.add_row("in all, by used_memory", f"{(grown - shared) / scale.lives:,.0f}")
    table.add_row(f"left out: {', '.join(SHARED)}", f"{shared / scale.lives:,.0f}")
    console.print(table)
    return [Measure("Redis memory of a finished job", (grown - shared) / scale.lives, 2_500, 1_200, unit=" B")]


async def _live(store: JobStore, sent: Traffic) -> None:
    """Every delivery of the traffic, in its order, as the service would apply it."""
    await submitted(store, sent)
    verifier, deliveries = Verifier([UPSTREAM_KEY]), list(sent.deliveries)
    for first in range(0, len(deliveries), AT_ONCE):
        await asyncio.gather(*(_deliver(store, verifier, *one) for one in deliveries[first : first + AT_ONCE]))
    assert not wrong(await our_ends(store, None, sent), sent)


async def _deliver(store: JobStore, verifier: Verifier, job_id: str, signature: str, body: bytes) -> None:
    report = read_delivery(verifier.verify(body, signature))
    await store.apply(report, utc_now(), job_id=job_id, silence=SILENCE)


async def _used(redis: "Redis") -> int:
    return int((await redis.info("memory"))["used_memory"])


async def _by_kind(redis: "Redis", only: Sequence[str] = ()) -> Counter[str]:
    """Bytes of all keys, by the name that stands for them in the layout."""
    found: Counter[str] = Counter()
    keys = [key async for key in redis.scan_iter(f"{prefix()}*", count=1_000)]
    wanted = [key for key in keys if not only or _kind(key) in only]
    for first in range(0, len(wanted), 1_000):
        async with redis.pipeline(transaction=False) as pipe:
            for key in wanted[first : first + 1_000]:
                pipe.memory_usage(key, samples=0)
            sizes: list[Any] = await pipe.execute()
        for key, size in zip(wanted[first:], sizes, strict=False):
            found[_kind(key)] += size or 0
    return found


def _kind(key: bytes) -> str:
    return key.decode().removeprefix(prefix()).partition(":")[0]

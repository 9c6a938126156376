"""Figures for those who watch: how much there is of everything, read in two round trips and never by a scan."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from redis.asyncio import Redis

from tracker.clock import to_ms
from tracker.job import Status
from tracker.store.connection import served
from tracker.store.keys import name

HOUR_IN_MINUTES = 60


@dataclass(frozen=True)
class Gauges:
    """`queued` by owner: pending, without a slot. `key_marks`: jobs in flight by the upstream key they went out with.

    `repaired`: jobs of the last hour whose webhook was due and whose end a lookup found. `mask_bytes` are held.
    """

    jobs: Mapping[Status, int] = field(default_factory=dict)
    queued: Mapping[str, int] = field(default_factory=dict)
    in_flight: int = 0
    key_marks: Mapping[str, int] = field(default_factory=dict)
    repaired: int = 0
    mask_bytes: int = 0
    paused: bool = False
    quarantined: int = 0


@served
async def read_gauges(redis: Redis, now: datetime) -> Gauges:
    """Raises StoreUnavailable."""
    async with redis.pipeline(transaction=False) as pipe:
        pipe.zrange(name("inflight"), 0, -1)
        pipe.zrange(name("turns"), 0, -1)
        pipe.mget([name("repaired", minute) for minute in _last_hour(now)])
        pipe.get(name("maskbytes"))
        pipe.exists(name("pause"))
        pipe.xlen(name("quarantine"))
        for status in Status:
            pipe.zcard(name("status", status))
        inflight, owners, repaired, mask_bytes, paused, quarantined, *counts = await pipe.execute()
    queued, marks = await _parts(redis, [owner.decode() for owner in owners], inflight)
    return Gauges(
        jobs=dict(zip(Status, counts, strict=True)), queued=queued, in_flight=len(inflight), key_marks=marks,
        repaired=sum(map(int, filter(None, repaired))), mask_bytes=int(mask_bytes or 0), paused=bool(paused),
        quarantined=quarantined,
    )  # fmt: skip


async def _parts(redis: Redis, owners: list[str], inflight: list[bytes]) -> tuple[dict[str, int], dict[str, int]]:
    async with redis.pipeline(transaction=False) as pipe:
        for owner in owners:
            pipe.zcard(name("queue", owner))
        for job_id in inflight:
            pipe.hget(name("job", job_id.decode()), "keyMark")
        found: list[Any] = await pipe.execute()
    marks = Counter(mark.decode() for mark in found[len(owners) :] if mark)
    return dict(zip(owners, found, strict=False)), dict(marks)


def _last_hour(now: datetime) -> list[str]:
    this = to_ms(now) // 60_000
    return [str(minute) for minute in range(this - HOUR_IN_MINUTES + 1, this + 1)]

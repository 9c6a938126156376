"""What `/metrics` shows of Redis: the figures of all jobs, and what is only for machines. Never a scan."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from redis.asyncio import Redis

from tracker.ids import made_at
from tracker.job import Status
from tracker.store.condition import Condition, memory_and_file
from tracker.store.connection import served
from tracker.store.keys import name
from tracker.store.stats import Figures, read_figures
from tracker.store.wire import unpack


@dataclass(frozen=True)
class Gauges:
    """`key_marks`: jobs in flight by the upstream key they went out with. `mask_bytes` are held. `oldest`: when the
    oldest job of each status was created, of those that jobs leave and that have any. `condition`: memory and the
    append-only file alone; None where INFO is forbidden."""

    figures: Figures
    key_marks: Mapping[str, int]
    mask_bytes: int
    paused: bool
    quarantined: int
    oldest: Mapping[Status, datetime]
    condition: Condition | None


UNENDED = [status for status in Status if not status.is_final]


@served
async def read_gauges(redis: Redis, now: datetime) -> Gauges:
    """Raises StoreUnavailable."""
    async with redis.pipeline(transaction=False) as pipe:
        pipe.zrange(name("inflight"), 0, -1)
        pipe.get(name("maskbytes"))
        pipe.exists(name("pause"))
        pipe.xlen(name("quarantine"))
        for status in UNENDED:
            pipe.zrangebylex(name("status", status), "-", "+", 0, 1)
        pipe.info("memory", "persistence")  # type: ignore[arg-type]  # redis-py's types want lists, and it sends words
        *answers, info = await pipe.execute(raise_on_error=False)
    for error in (one for one in answers if isinstance(one, Exception)):
        raise error
    in_flight, mask_bytes, paused, quarantined, *oldest = answers
    return Gauges(
        figures=await read_figures(redis, None, now),
        key_marks=await _key_marks(redis, in_flight),
        mask_bytes=int(mask_bytes or 0),
        paused=bool(paused),
        quarantined=quarantined,
        oldest={status: made_at(ids[0].decode()) for status, ids in zip(UNENDED, oldest, strict=True) if ids},
        condition=memory_and_file(info),
    )


async def _key_marks(redis: Redis, in_flight: list[bytes]) -> Mapping[str, int]:
    async with redis.pipeline(transaction=False) as pipe:
        for job_id in in_flight:
            pipe.get(name("job", job_id.decode()))
        records: list[bytes | None] = await pipe.execute()
    marks = (unpack(record).get("keyMark") for record in records if record)
    return Counter(mark for mark in marks if mark)

"""Figures for people: what there is, what the last minutes, hours and days brought. Two round trips, and never a scan.

The scripts count as things happen, for everybody and for each owner, so nothing is added up over jobs when it is asked
for.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline

from tracker.clock import from_ms, to_ms
from tracker.job import Outcome, Source, Status
from tracker.store.connection import served
from tracker.store.keys import name

MINUTES, HOURS, DAYS = 60, 24, 30
MINUTE_LIFETIME = timedelta(seconds=4000)
"""How far back is looked; the scripts keep a little more."""
_SPANS = {"minute": 60_000, "hour": 3_600_000, "day": 86_400_000}
BUCKET = 1.05
"""A bucket of durations ends where it is so much longer than where it begins, which is how exact quantiles are."""
EVERYBODY = "*"


@dataclass(frozen=True)
class Figures:
    """Of one owner, or of everybody; series are oldest first.

    `queued`: pending jobs without a slot, by owner; `webhooks`: outcomes in each of the last 60 minutes; `settled`:
    ends of the last hour whose webhook was due, by how they became known; `ended`: all ends of the last hour, by
    status, one that took another's place included; `durations`: jobs completed in the last day, by bucket; `credits`:
    spent on each of the last 30 days.
    """

    jobs: Mapping[Status, int]
    in_flight: int
    oldest_in_flight: datetime | None
    queued: Mapping[str, int]
    webhooks: Sequence[tuple[datetime, Mapping[str, int]]]
    settled: Mapping[str, int]
    ended: Mapping[str, int]
    durations: Mapping[int, int]
    credits: Sequence[tuple[datetime, int]]

    @property
    def lost(self) -> int:
        """Ends that a lookup found though a webhook was due."""
        return self.settled.get(Source.POLL, 0)


@served
async def read_figures(redis: Redis, owner: str | None, now: datetime) -> Figures:
    """Of `owner`, None for everybody. Raises StoreUnavailable."""
    whose = owner or EVERYBODY
    async with redis.pipeline(transaction=False) as pipe:
        pipe.hgetall(name("counts", whose))
        pipe.zrange(name("inflight"), 0, 0, withscores=True)
        pipe.zrange(name("turns"), 0, -1)
        for span, length in (("minute", MINUTES), ("hour", HOURS), ("day", DAYS)):
            for number in last(span, length, now):
                pipe.hgetall(name(span, f"{number}:{whose}"))
        counts, oldest, owners, *spans = await pipe.execute()
    minutes, hours, days = spans[:MINUTES], spans[MINUTES : MINUTES + HOURS], spans[MINUTES + HOURS :]
    return Figures(
        jobs={status: int(counts.get(status.encode(), 0)) for status in Status},
        in_flight=int(counts.get(b"inflight", 0)),
        oldest_in_flight=from_ms(int(oldest[0][1])) if oldest and not owner else None,
        queued=await queued(redis, [owner] if owner else [one.decode() for one in owners]),
        webhooks=list(zip(_starts("minute", MINUTES, now), (_named(one, "webhook") for one in minutes), strict=True)),
        settled=sum((_named(one, "settled") for one in minutes), Counter()),
        ended=sum((_named(one, "ended") for one in minutes), Counter()),
        durations=sum((Counter({int(bucket): int(n) for bucket, n in one.items()}) for one in hours), Counter()),
        credits=list(zip(_starts("day", DAYS, now), (int(one.get(b"credits", 0)) for one in days), strict=True)),
    )


def count_quarantined(pipe: Pipeline, now: datetime) -> None:
    """As the scripts count other outcomes; whose job it would have been about is not known."""
    this_minute = name("minute", f"{last('minute', 1, now)[0]}:{EVERYBODY}")
    pipe.hincrby(this_minute, f"webhook:{Outcome.QUARANTINED}", 1)
    pipe.expire(this_minute, MINUTE_LIFETIME)


async def queued(redis: Redis, owners: Sequence[str]) -> dict[str, int]:
    """Pending jobs that wait for a slot, by owner."""
    async with redis.pipeline(transaction=False) as pipe:
        for owner in owners:
            pipe.zcard(name("queue", owner))
        return dict(zip(owners, await pipe.execute(), strict=True))


def last(span: str, length: int, now: datetime) -> range:
    """The numbers of the last minutes, hours or days since 1970, the one that has begun included."""
    this = to_ms(now) // _SPANS[span]
    return range(this - length + 1, this + 1)


def _starts(span: str, length: int, now: datetime) -> list[datetime]:
    return [from_ms(number * _SPANS[span]) for number in last(span, length, now)]


def _named(figures: Mapping[bytes, bytes], kind: str) -> Counter[str]:
    """Those of a kind, `kind:word` in Redis, by word."""
    pairs = ((field.decode().partition(":"), int(n)) for field, n in figures.items())
    return Counter({word: n for (found, _, word), n in pairs if found == kind})


def quantile(durations: Mapping[int, int], share: float) -> float | None:
    """Seconds that a share (0-1) of the jobs took at most, to a few in a hundred; None where there are none."""
    wanted = share * sum(durations.values())
    for bucket in sorted(durations):
        wanted -= durations[bucket]
        if wanted <= 0:
            return float(BUCKET ** (bucket + 0.5) / 1000)
    return None

"""The log of deliveries, for operators: what came, and what became of it. Bounded, and nothing of a job rests on it.

Two sorted sets of lines, each an id by the time of arrival and a packed list: `deliveries` for those whose signature
was genuine, `refusals` for the others, so that a flood of forged ones pushes out none that counted. A line may be
written again and again and is there once, and the lines of several processes lie in the order in which they came.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from heapq import merge
from itertools import islice
from typing import NamedTuple

from redis.asyncio import Redis

from tracker.apiframe.signature import SecretForm
from tracker.ids import made_at
from tracker.job import Moment, Outcome, Wire
from tracker.store.connection import served
from tracker.store.keys import name
from tracker.store.wire import pack, unpack

DELIVERIES, REFUSALS = name("deliveries"), name("refusals")
KEPT = {DELIVERIES: 10_000, REFUSALS: 2_000}
LOOKED_AT_ONCE = 500
_ID = 36
"""Characters of a UUID."""


class Refusal(StrEnum):
    """Why a delivery was refused: its signature, its size, or Redis, which could not take it."""

    MISSING = "missing"
    MALFORMED = "malformed"
    MISMATCH = "mismatch"
    TOO_LARGE = "too_large"
    STORE_UNAVAILABLE = "store_unavailable"


class Line(NamedTuple):
    """A delivery, and what became of it: an `outcome` where it was taken, a `cause` where it was refused. When it came
    is in its id."""

    outcome: str | None = None
    cause: Refusal | None = None
    job_id: str | None = None
    event: str | None = None
    bytes: int | None = None
    secret_form: SecretForm | None = None
    ms: float = 0.0

    @property
    def shelf(self) -> str:
        """Of a genuine signature, the form of the secret is known."""
        return DELIVERIES if self.secret_form else REFUSALS


class LoggedDelivery(Wire):
    """The same as it is told."""

    at: Moment
    outcome: Outcome | None = None
    cause: Refusal | None = None
    job_id: str | None = None
    event: str | None = None
    bytes: int | None = None
    secret_form: SecretForm | None = None
    ms: float


@dataclass(frozen=True)
class Wanted:
    """Which deliveries a page shows: any of `words`, outcomes and causes alike, and about this job."""

    words: tuple[Outcome | Refusal, ...] = ()
    job_id: str | None = None

    def holds(self, line: LoggedDelivery) -> bool:
        word = line.outcome or line.cause
        return (not self.words or word in self.words) and self.job_id in (None, line.job_id)


@dataclass(frozen=True)
class DeliveryPage:
    """`next_cursor` is the id below which the next page begins, None on the last one."""

    lines: list[LoggedDelivery] = field(default_factory=list)
    next_cursor: str | None = None


class Deliveries:
    """Methods raise StoreUnavailable where Redis does not serve them."""

    def __init__(self, redis: Redis, retention: timedelta) -> None:
        self._redis = redis
        self._retention = retention

    @served
    async def write(self, lines: Mapping[str, Line]) -> None:
        """Lines by id, in one round trip; they may have been written before. The oldest beyond `KEPT` go."""
        async with self._redis.pipeline(transaction=True) as pipe:
            for shelf, kept in KEPT.items():
                members = {member_of(key, line): 0 for key, line in lines.items() if line.shelf == shelf}
                if members:
                    pipe.zadd(shelf, members)
                    pipe.zremrangebyrank(shelf, 0, -kept - 1)
                    pipe.expire(shelf, self._retention)
            await pipe.execute()

    @served
    async def page(self, wanted: Wanted, limit: int, below: str | None = None) -> DeliveryPage:
        """Newest first, from the id `below` on."""
        found: list[tuple[str, LoggedDelivery]] = []
        more = True
        while more and len(found) <= limit:
            members = await self._newest(below)
            more = len(members) == LOOKED_AT_ONCE
            below = members[-1][:_ID].decode() if members else below
            lines = ((member[:_ID].decode(), _line(member)) for member in members)
            found += [(key, line) for key, line in lines if wanted.holds(line)]
        shown = found[:limit]
        return DeliveryPage([line for _, line in shown], shown[-1][0] if len(found) > limit else None)

    @served
    async def times(self, most: int) -> list[float]:
        """Milliseconds from arrival to acknowledgement of the last genuine deliveries, newest first."""
        members = await self._redis.zrevrangebylex(DELIVERIES, "+", "-", 0, most)
        return [_line(member).ms for member in members]

    async def _newest(self, below: str | None) -> Sequence[bytes]:
        """Of both shelves together, at most `LOOKED_AT_ONCE`."""
        upper = f"({below}" if below else "+"
        async with self._redis.pipeline(transaction=False) as pipe:
            for shelf in KEPT:
                pipe.zrevrangebylex(shelf, upper, "-", 0, LOOKED_AT_ONCE)
            shelves: list[list[bytes]] = await pipe.execute()
        return list(islice(merge(*shelves, reverse=True), LOOKED_AT_ONCE))


def member_of(key: str, line: Line) -> bytes:
    """As it lies in its sorted set."""
    return key.encode() + pack(line)


def _line(member: bytes) -> LoggedDelivery:
    facts = zip(Line._fields, unpack(member[_ID:]), strict=True)
    return LoggedDelivery.model_validate({"at": made_at(member[:_ID].decode()), **dict(facts)})

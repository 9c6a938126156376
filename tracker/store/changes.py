"""What has changed since a position in the feed: for whoever was away, or has not kept up."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import structlog
from redis.asyncio import Redis

from tracker.store.connection import served
from tracker.store.feed import AT_ONCE, START, FeedEntry, read_entries
from tracker.store.keys import name
from tracker.store.wire import Stored, read_record

Place = tuple[int, int]
log = structlog.get_logger()


@dataclass(frozen=True)
class Change:
    """A change, and the job as it is now: never older than the change. A newer one has an entry of its own behind."""

    entry: FeedEntry
    stored: Stored

    @property
    def is_last(self) -> bool:
        return self.entry.version >= self.stored.version


class Changes:
    """Methods raise StoreUnavailable where Redis does not serve them."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    @served
    async def between(self, after: str, until: str) -> list[FeedEntry]:
        """The next entries behind `after`, up to and with `until`, `AT_ONCE` at most; none where there are no more."""
        raw: Any = await self._redis.xrange(name("feed"), f"({after}", until, count=AT_ONCE)
        return read_entries(raw)

    @served
    async def of(self, entries: Iterable[FeedEntry]) -> list[Change]:
        """The last change of each job in `entries`, in their order, in one round trip; without what a later entry
        tells, and without jobs that are gone."""
        newest = {entry.job_id: entry for entry in entries}
        wanted = sorted(newest.values(), key=lambda entry: place(entry.position))
        names = [name("job", entry.job_id) for entry in wanted]
        records: list[bytes | None] = await self._redis.mget(names) if names else []
        read = zip(wanted, records, strict=True)
        found = [Change(entry, stored) for entry, record in read if (stored := _stored(entry.job_id, record))]
        return [change for change in found if change.is_last]

    @served
    async def are_whole(self, after: str) -> bool:
        """Whether every entry behind a position is still there: none was trimmed, and Redis has lost none.

        A position is an entry's. One that is not there was trimmed, and others behind it perhaps, or lost in a
        fail-over, and its place may have been taken.
        """
        if after != START:
            return bool(await self._redis.xrange(name("feed"), after, after))
        if not await self._redis.exists(name("feed")):
            return True
        stream: dict[str, Any] = await self._redis.xinfo_stream(name("feed"))
        return bool(stream["entries-added"] == stream["length"])

    @served
    async def has_lost(self, position: str) -> bool:
        """Whether what was told with an entry may be true no more: it is gone, and was not trimmed."""
        if position == START or await self._redis.xrange(name("feed"), position, position):
            return False
        oldest: Any = await self._redis.xrange(name("feed"), count=1)
        return not oldest or place(oldest[0][0].decode()) < place(position)


def _stored(job_id: str, record: bytes | None) -> Stored | None:
    """None also for one of a newer version's that cannot be read: it holds up nobody who waits for others."""
    try:
        return read_record(job_id, record)
    except (KeyError, ValueError) as error:
        log.warning("a job cannot be read, so its changes are not told", job_id=job_id, error=type(error).__name__)
        return None


def place(position: str) -> Place:
    """Positions as they are ordered."""
    milliseconds, _, number = position.partition("-")
    return int(milliseconds), int(number or 0)

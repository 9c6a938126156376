"""The audit list: what operators did. Bounded, written once it is done, and nothing of a job rests on it.

A sorted set of entries, each an id by the time of the action and JSON: one that is written again, since an answer was
lost, is there once, and the entries of several processes lie in order. What Redis could not take waits here, bounded,
and goes with the next entry, the next reading of the list, or the end of the process.
"""

import json
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

from redis.asyncio import Redis

from tracker.job import Moment, Wire
from tracker.store.connection import served
from tracker.store.keys import name

KEPT = 10_000
WAITING = 1_000
"""Entries that wait while Redis is away, at most; then the oldest go, and are in the log alone."""
LOOKED_AT_ONCE = 500
_ID = 36
"""Characters of a UUID."""

Action = Literal[
    "queue.pause",
    "queue.resume",
    "quarantine.replay",
    "quarantine.delete",
    "job.cancel",
    "job.refresh",
    "jobs.cancel",
    "jobs.refresh",
    "session.sign-in",
    "session.sign-out",
]


class AuditEntry(Wire):
    """Who, what, to which job if to one, and when. `action` is one of `Action`, or of a newer version's."""

    id: str
    at: Moment
    by: str
    action: str
    job_id: str | None = None
    details: dict[str, Any]


@dataclass(frozen=True)
class WantedEntries:
    """Which entries a page shows; every part that is given must hold."""

    by: str | None = None
    action: Action | None = None

    def holds(self, entry: AuditEntry) -> bool:
        return self.by in (None, entry.by) and self.action in (None, entry.action)


@dataclass(frozen=True)
class AuditPage:
    """`next_cursor` is the id below which the next page begins, None on the last one."""

    entries: list[AuditEntry] = field(default_factory=list)
    next_cursor: str | None = None


class Audit:
    """Methods raise StoreUnavailable where Redis does not serve them."""

    def __init__(self, redis: Redis, retention: timedelta) -> None:
        self._redis = redis
        self._retention = retention
        self._waiting: dict[str, AuditEntry] = {}

    async def write(self, entry: AuditEntry) -> None:
        """Keeps it, with what waits. Where that fails, the entry waits with the others."""
        self._waiting[entry.id] = entry
        while len(self._waiting) > WAITING:
            del self._waiting[next(iter(self._waiting))]
        await self.flush()

    @served
    async def flush(self) -> None:
        """What waits, in one round trip; the oldest beyond `KEPT` go."""
        entries = dict(self._waiting)
        if not entries:
            return
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.zadd(name("audit"), {_member(entry): 0 for entry in entries.values()})
            pipe.zremrangebyrank(name("audit"), 0, -KEPT - 1)
            pipe.expire(name("audit"), self._retention)
            await pipe.execute()
        for entry_id in entries:
            self._waiting.pop(entry_id, None)

    @served
    async def page(self, wanted: WantedEntries, limit: int, below: str | None = None) -> AuditPage:
        """Newest first, from the id `below` on."""
        await self.flush()
        found: list[AuditEntry] = []
        more = True
        while more and len(found) <= limit:
            upper = f"({below}" if below else "+"
            members = await self._redis.zrevrangebylex(name("audit"), upper, "-", 0, LOOKED_AT_ONCE)
            more = len(members) == LOOKED_AT_ONCE
            below = members[-1][:_ID].decode() if members else below
            found += [entry for entry in map(_entry, members) if wanted.holds(entry)]
        shown = found[:limit]
        return AuditPage(shown, shown[-1].id if len(found) > limit else None)


def _member(entry: AuditEntry) -> str:
    return entry.id + entry.model_dump_json(by_alias=True, exclude={"id"}, exclude_none=True)


def _entry(member: bytes) -> AuditEntry:
    return AuditEntry.model_validate({"id": member[:_ID].decode(), **json.loads(member[_ID:])})

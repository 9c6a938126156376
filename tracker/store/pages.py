"""Pages of jobs: which, and in which order. Ids are UUIDv7, so a cursor is an id and newest first is their order."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio import Redis

from tracker.job import Status
from tracker.store.keys import prefix
from tracker.store.scripts import Scripts
from tracker.store.wire import Stored, read_record

LOOKED_AT_ONCE = 500
"""Ids that one call of the script looks at, at most: Redis serves others in between."""


@dataclass(frozen=True)
class Filter:
    """Which jobs a page shows; every part that is given must hold, `statuses` any of them."""

    statuses: tuple[Status, ...] = ()
    owner: str | None = None

    @property
    def groups(self) -> list[list[str]]:
        """Indexes to intersect, each group a union."""
        groups = [[f"owner:{self.owner}"]] if self.owner else []
        return [*groups, [f"status:{status}" for status in self.statuses]] if self.statuses else groups


@dataclass(frozen=True)
class Page:
    """`next_cursor` is the id below which the next page begins, None on the last one."""

    jobs: list[Stored] = field(default_factory=list)
    next_cursor: str | None = None


async def read_page(redis: Redis, scripts: Scripts, wanted: Filter, limit: int, below: str | None) -> Page:
    """Goes on until `limit` jobs are found or none is left: no page is empty in the middle."""
    walk, groups = await _plan_walk(redis, wanted.groups)
    found: list[Stored] = []
    bound, at_end = f"({below}" if below else "+", False
    while len(found) <= limit and not at_end:
        last, end, *flat = await scripts.run(
            "page", bound, limit + 1 - len(found), LOOKED_AT_ONCE, walk, *map(json.dumps, groups)
        )
        found += _records(flat)
        bound, at_end = f"({last.decode()}", bool(end) or not last
    more = len(found) > limit
    return Page(found[:limit], found[limit - 1].job.id if more else None)


async def _plan_walk(redis: Redis, groups: Sequence[list[str]]) -> tuple[str, Sequence[list[str]]]:
    """The smallest index that holds every wanted job, and the groups that are left to check."""
    single = [group for group in groups if len(group) == 1]
    if not single:
        return "jobs", groups
    sizes = [await redis.zcard(prefix() + group[0]) for group in single]
    walk = single[sizes.index(min(sizes))]
    return walk[0], [group for group in groups if group is not walk]


def _records(flat: list[Any]) -> list[Stored]:
    pairs = zip(flat[::2], flat[1::2], strict=True)
    return [stored for job_id, record in pairs if (stored := read_record(job_id.decode(), record))]

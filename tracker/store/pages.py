"""Pages of jobs: which, and in which order. Ids are UUIDv7, so a cursor is an id and newest first is their order."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from redis.asyncio import Redis

from tracker.ids import first_id
from tracker.job import Job, Status
from tracker.store.keys import prefix
from tracker.store.scripts import Scripts
from tracker.store.wire import Stored, read_record

MILLISECOND = timedelta(milliseconds=1)
LOOKED_AT_ONCE = 500
"""Ids that one call of the script looks at, at most: Redis serves others in between."""


@dataclass(frozen=True)
class Filter:
    """Which jobs a page shows; every part that is given must hold, and any of `statuses`.

    `created_after` and `created_before` are exclusive, to the millisecond.
    """

    statuses: tuple[Status, ...] = ()
    owner: str | None = None
    parent_job_id: str | None = None
    labels: tuple[tuple[str, str], ...] = ()
    created_after: datetime | None = None
    created_before: datetime | None = None

    @property
    def groups(self) -> list[list[str]]:
        """Indexes to intersect, each group a union."""
        groups = [[f"owner:{self.owner}"]] if self.owner is not None else []
        groups += [[f"parent:{self.parent_job_id}"]] if self.parent_job_id is not None else []
        groups += [[f"label:{label}={value}"] for label, value in self.labels]
        return [*groups, [f"status:{status}" for status in self.statuses]] if self.statuses else groups

    def upper(self, below: str | None) -> str:
        """Bound of the ids, as ZREVRANGEBYLEX takes it: below a cursor, and before a time."""
        bounds = [below] if below else []
        bounds += [first_id(self.created_before)] if self.created_before else []
        return f"({min(bounds)}" if bounds else "+"

    @property
    def lower(self) -> str:
        return f"[{first_id(self.created_after + MILLISECOND)}" if self.created_after else "-"

    def matches(self, job: Job) -> bool:
        """Whether a page would show it: the same rule for a job that is at hand."""
        return (
            (not self.statuses or job.status in self.statuses)
            and self.owner in (None, job.owner)
            and self.parent_job_id in (None, job.parent_job_id)
            and all(job.labels.get(label) == value for label, value in self.labels)
            and (not self.created_after or job.id >= first_id(self.created_after + MILLISECOND))
            and (not self.created_before or job.id < first_id(self.created_before))
        )


@dataclass(frozen=True)
class Page:
    """`next_cursor` is the id below which the next page begins, None on the last one."""

    jobs: list[Stored] = field(default_factory=list)
    next_cursor: str | None = None


async def read_page(redis: Redis, scripts: Scripts, wanted: Filter, limit: int, below: str | None) -> Page:
    """Goes on until `limit` jobs are found or none is left: no page is empty in the middle."""
    walk, groups = await _plan_walk(redis, wanted.groups)
    found: list[Stored] = []
    upper, at_end = wanted.upper(below), False
    while len(found) <= limit and not at_end:
        last, end, *flat = await scripts.run(
            "page", upper, wanted.lower, limit + 1 - len(found), LOOKED_AT_ONCE, walk, *map(json.dumps, groups)
        )
        found += _records(flat)
        upper, at_end = f"({last.decode()}", bool(end) or not last
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

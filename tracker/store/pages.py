"""Pages of jobs: which, and in which order. Ids are UUIDv7, so a cursor is an id and newest first is their order."""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

from tracker.ids import first_id
from tracker.job import Job, Status
from tracker.store.scripts import Scripts
from tracker.store.wire import Stored, mask_size, read_record

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


async def read_page(scripts: Scripts, wanted: Filter, limit: int, below: str | None) -> Page:
    """Goes on until `limit` jobs are found or none is left: no page is empty in the middle."""
    found = [_stored(*entry) for entry in await _walk(scripts, wanted, "record", limit + 1, below)]
    return Page(found[:limit], found[limit - 1].job.id if len(found) > limit else None)


async def read_mask_sizes(scripts: Scripts, wanted: Filter, most: int) -> set[tuple[int, int]]:
    """Widths and heights of the newest, without the rest of the jobs, which takes ten times as long to read."""
    sizes = {mask_size(record) for _, record in await _walk(scripts, wanted, "record", most, None)}
    return {size for size in sizes if size}


async def read_ids(scripts: Scripts, wanted: Filter, most: int, below: str | None = None) -> tuple[list[str], bool]:
    """Ids alone, newest first, and whether there are more."""
    found = [job_id.decode() for job_id in await _walk(scripts, wanted, "id", most + 1, below)]
    return found[:most], len(found) > most


async def count_jobs(scripts: Scripts, wanted: Filter, most: int) -> tuple[int, bool]:
    """How many jobs there are, `most` at most, and whether there are more."""
    found = 0
    upper: str | None = wanted.upper(None)
    while upper and found <= most:
        count, upper = await _stretch(scripts, wanted, "count", most + 1 - found, upper)
        found += count
    return min(found, most), found > most


async def _walk(scripts: Scripts, wanted: Filter, telling: str, most: int, below: str | None) -> list[Any]:
    found: list[Any] = []
    upper: str | None = wanted.upper(below)
    while upper and len(found) < most:
        told, upper = await _stretch(scripts, wanted, telling, most - len(found), upper)
        found += told
    return found


async def _stretch(scripts: Scripts, wanted: Filter, telling: str, most: int, upper: str) -> tuple[Any, str | None]:
    """What one call of the script tells, and the bound of the next call, None where nothing lies behind."""
    groups = [json.dumps(group) for group in wanted.groups or [["jobs"]]]
    last, at_end, told = await scripts.run("page", upper, wanted.lower, most, LOOKED_AT_ONCE, telling, *groups)
    return told, None if at_end else f"({last.decode()}"


def _stored(job_id: bytes, record: bytes) -> Stored:
    return cast(Stored, read_record(job_id.decode(), record))  # the script tells of no job without a record

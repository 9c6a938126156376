"""A job: its facts, its images, what it came from and what was made from it, and all that happened to it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from starlette.responses import Response

from service import queries
from service.answers import visible
from service.dashboard.html import Visit
from service.state import State
from tracker.errors import InvalidInput
from tracker.job import FINAL, HistoryEntry, Job
from tracker.store.pages import Filter

QUERY = ("before",)
ENTRIES = 50
RELATIVES = 8
GENERATIONS = 5
"""How far up a job's line is followed: each costs a round trip."""


@dataclass(frozen=True)
class Step:
    """An entry of the history, with the job's state before it where that is known, and how many before it were not
    kept: of a very long history the first and the last are."""

    entry: HistoryEntry
    before: HistoryEntry | None = None
    lost: int = 0


@dataclass(frozen=True)
class Lineage:
    """Of those that are tracked here; `ancestors` nearest first. `more_…`: there are others beyond these."""

    ancestors: Sequence[Job]
    siblings: Sequence[Job]
    children: Sequence[Job]
    more_siblings: bool
    more_children: bool

    def credits(self, job: Job) -> int:
        """Of the line: what it came from, itself, and what was made from it."""
        return sum(one.credit_cost or 0 for one in (*self.ancestors, job, *self.children))


async def job_page(visit: Visit) -> Response:
    state, request, now = visit.state, visit.request, visit.state.clock()
    _, before = queries.all_of(lambda: queries.only(request, QUERY), lambda: _before(visit))
    stored = await visible(state, visit.caller, request.path_params["job_id"])
    job = stored.job
    history, lineage = await asyncio.gather(state.store.history(job.id), _lineage(state, job))
    steps, earlier, later = _part(_steps(history), before)
    return visit.html(
        "job", job=job, stored=stored, lineage=lineage, steps=steps, entries=len(history), earlier=earlier, later=later,
        images=_images(job, now), expired=_expired(job, now), origin=_origin(lineage, now),
        live=job.status not in FINAL and before is None,
    )  # fmt: skip


def _before(visit: Visit) -> int | None:
    given = visit.request.query_params.get("before")
    if given is None:
        return None
    if not (given.isascii() and given.isdecimal() and len(given) <= 12):
        raise InvalidInput({"before": ["Expected the number of an entry."]})
    return int(given)


def _images(job: Job, now: datetime) -> list[str]:
    """By the names that the images' route knows them by; none where there are none any more."""
    if job.result is None or _expired(job, now):
        return []
    return [str(n) for n in range(1, len(job.result.images) + 1)]


def _expired(job: Job, now: datetime) -> bool:
    return job.result_expires_at is not None and job.result_expires_at <= now


def _origin(lineage: Lineage, now: datetime) -> Job | None:
    """The job whose one image this one was made from, where that can still be had."""
    parent = lineage.ancestors[0] if lineage.ancestors else None
    return parent if parent and _images(parent, now) else None


async def _lineage(state: State, job: Job) -> Lineage:
    children, siblings, ancestors = await asyncio.gather(
        _made_from(state, job.upstream_job_id), _made_from(state, job.parent_job_id), _ancestors(state, job)
    )
    others = [one for one in siblings if one.id != job.id]
    return Lineage(
        ancestors, others[:RELATIVES], children[:RELATIVES],
        more_siblings=len(others) > RELATIVES, more_children=len(children) > RELATIVES,
    )  # fmt: skip


async def _made_from(state: State, upstream_job_id: str | None) -> list[Job]:
    if upstream_job_id is None:
        return []
    page = await state.store.page(Filter(parent_job_id=upstream_job_id), RELATIVES + 2)
    return [stored.job for stored in page.jobs]


async def _ancestors(state: State, job: Job) -> list[Job]:
    """Nearest first; a line that leads back to itself ends."""
    found: list[Job] = []
    upstream_id = job.parent_job_id
    while upstream_id and len(found) < GENERATIONS:
        stored = await state.store.find_upstream(upstream_id)
        if stored is None or stored.job.id in {job.id, *(one.id for one in found)}:
            break
        found.append(stored.job)
        upstream_id = stored.job.parent_job_id
    return found


def _steps(history: Sequence[HistoryEntry]) -> list[Step]:
    return [Step(entry) for entry in history[:1]] + [_step(last, entry) for last, entry in pairwise(history)]


def _step(last: HistoryEntry, entry: HistoryEntry) -> Step:
    lost = entry.seq - last.seq - 1
    return Step(entry, None if lost else last, lost)


def _part(steps: Sequence[Step], before: int | None) -> tuple[Sequence[Step], int | None, bool]:
    """The last entries before number `before`; the number that leads to earlier ones; whether there are later ones."""
    known = [step for step in steps if before is None or step.entry.seq < before]
    shown = known[-ENTRIES:]
    earlier = shown[0].entry.seq if len(known) > len(shown) else None
    return shown, earlier, len(known) < len(steps)

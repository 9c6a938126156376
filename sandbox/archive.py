"""Every job of this sandbox, found by id and user, and listed in pages, newest first."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from sandbox.accounts import User
from sandbox.bodies import JobId
from sandbox.jobs import MODEL, Job, Status
from sandbox.life import Clock
from sandbox.mischief import Dice
from sandbox.refusals import Invalid


class Query(BaseModel):
    """The query of `GET /v2/jobs`."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    status: Status | None = None
    model: str | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    cursor: str | None = None
    scope: Literal["user", "team"] = "user"
    search: JobId | None = None
    include_models: Literal["true", "false"] = "false"


@dataclass(frozen=True, slots=True)
class Retention:
    """COMPLETED files expire `seconds` after the end, or all at once when mischief says so."""

    seconds: float
    dice: Dice
    clock: Clock

    def over(self, job: Job) -> bool:
        if job.status is not Status.COMPLETED or job.completed_at is None:
            return False
        age = self.clock() - job.completed_at
        return self.dice.mischief.expired or age >= timedelta(seconds=self.seconds)


class Archive:
    def __init__(self, retention: Retention) -> None:
        self._jobs: dict[str, Job] = {}
        self._retention = retention

    def __iter__(self) -> Iterator[Job]:
        return iter(self._jobs.values())

    def add(self, job: Job) -> None:
        self._jobs[job.id] = job

    def next_number(self) -> int:
        return len(self._jobs) + 1

    def find(self, job_id: str, user: User | None = None) -> Job | None:
        """The job with this id; with `user`, only if it is that user's."""
        job = self._jobs.get(job_id.lower())
        return job if job and (user is None or job.user is user) else None

    def expired(self, job: Job) -> bool:
        return self._retention.over(job)

    def wire(self, job: Job, *, with_input: bool) -> dict[str, Any]:
        return job.wire(expired=self.expired(job), with_input=with_input)

    def page(self, user: User, query: Query) -> dict[str, Any]:
        """One `JobList`, in the order `(createdAt desc, id desc)`. Raises `Invalid` for a foreign cursor."""
        own = [job for job in self if job.user is user]
        wanted = sorted((job for job in own if _matches(job, query)), key=_place, reverse=True)
        if query.cursor is not None:
            last = _read_cursor(query.cursor)
            wanted = [job for job in wanted if _place(job) < last]
        jobs, more = wanted[: query.limit], len(wanted) > query.limit
        models = {"models": [MODEL] if own else []} if query.include_models == "true" else {}
        return {
            "jobs": [self.wire(job, with_input=False) for job in jobs],
            "nextCursor": _cursor(jobs[-1]) if more else None,
            "hasMore": more,
            **models,
        }


def _matches(job: Job, query: Query) -> bool:
    return query.status in (None, job.status) and query.model in (None, MODEL) and query.search in (None, job.id)


def _place(job: Job) -> tuple[float, str]:
    return job.created_at.timestamp(), job.id


def _cursor(job: Job) -> str:
    return base64.urlsafe_b64encode(json.dumps(_place(job)).encode()).decode()


def _read_cursor(cursor: str) -> tuple[float, str]:
    try:
        moment, job_id = json.loads(base64.urlsafe_b64decode(cursor))
        return float(moment), str(job_id)
    except (ValueError, TypeError):
        raise Invalid({"cursor": ["Invalid cursor"]}) from None

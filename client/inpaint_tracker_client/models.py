"""What the service tells of a job: frozen, snake_case here, camelCase on the wire. And the two errors that hold a job.

A newer service may send more fields and more words than are known here: such fields are ignored, such words are kept.
Times are aware datetimes in UTC.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from inpaint_tracker_client.errors import TrackerError

FINAL = frozenset({"COMPLETED", "FAILED", "CANCELLED"})


class Wire(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True)


class Mask(Wire):
    """Facts about a mask as it was sent: SHA-256 of its bytes, pixels, share of white (0 to 1)."""

    sha256: str
    width: int
    height: int
    coverage: float


class Result(Wire):
    """Where the images lie; fetch them before the job's `result_expires_at`."""

    images: tuple[str, ...] = ()
    grid_url: str | None = None


class Failure(Wire):
    """Why a job failed: `code` for programs, such as `provider_failed`, and `message` for people."""

    code: str
    message: str = ""


class Job(Wire):
    """One version of a job. It does not change by itself: `Tracker.get` and `Tracker.wait` give newer ones.

    `status` is PENDING (accepted, not yet submitted upstream), QUEUED, PROCESSING, or final: COMPLETED, FAILED or
    CANCELLED.

    >>> job = Job.model_validate_json('{"id": "0198", "status": "PROCESSING", "progress": 45, "aNewField": true}')
    >>> job.progress, job.is_final
    (45, False)
    """

    id: str
    status: str
    progress: int = 0
    upstream_job_id: str | None = None
    action: str | None = None
    owner: str | None = None
    parent_job_id: str | None = None
    prompt: str | None = None
    labels: Mapping[str, str] = {}
    mask: Mask | None = None
    result: Result | None = None
    result_expires_at: datetime | None = None
    error: Failure | None = None
    credit_cost: float | None = None
    settled_by: str | None = None
    created_at: datetime | None = None
    submitted_at: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    updated_at: datetime | None = None
    links: Mapping[str, str] = {}

    @property
    def is_final(self) -> bool:
        """Nothing more will happen to it. A final word that is not known here is told by `completed_at`."""
        return self.status in FINAL or self.completed_at is not None

    @property
    def images(self) -> tuple[str, ...]:
        """URLs of the candidates, four for an inpaint; none until it is COMPLETED."""
        return self.result.images if self.result else ()

    def raise_for_failure(self) -> Self:
        """The job itself, or JobFailed if it ended in any way but COMPLETED.

        >>> job = Job(id="0198", status="FAILED", error={"code": "provider_failed", "message": "Banned prompt"})
        >>> job.raise_for_failure()
        Traceback (most recent call last):
        inpaint_tracker_client.models.JobFailed: job 0198 FAILED: Banned prompt (provider_failed)
        """
        if self.is_final and self.status != "COMPLETED":
            raise JobFailed(self)
        return self


class WaitTimeout(TrackerError):
    """The job goes on; wait for it again whenever you like."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self.job = job

    def __str__(self) -> str:
        return f"job {self.job.id} is still {self.job.status} ({self.job.progress} %)"


class JobFailed(TrackerError):
    """The job ended without images: it FAILED or was CANCELLED."""

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self.job = job

    @property
    def code(self) -> str | None:
        """Such as `provider_failed`; None for a cancelled job."""
        return self.job.error.code if self.job.error else None

    def __str__(self) -> str:
        why = f": {self.job.error.message} ({self.job.error.code})" if self.job.error else ""
        return f"job {self.job.id} {self.job.status}{why}"


class Event(Wire):
    """One line of a job's history; `status` and `progress` are the job's after it.

    `outcome` tells what became of the news, such as `applied`, `duplicate` or `stale`; `source` who brought it.
    """

    seq: int
    type: str
    at: datetime
    source: str | None = None
    status: str | None = None
    progress: int | None = None
    outcome: str | None = None
    detail: Mapping[str, Any] | None = None

"""A job and its parts, as they are seen by everyone: frozen, and spelled on the wire as upstream spells (camelCase).

Times are aware UTC datetimes here and RFC 3339 with milliseconds on the wire.
"""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, PlainSerializer, WithJsonSchema, computed_field
from pydantic.alias_generators import to_camel


class Status(StrEnum):
    """`PENDING` is ours: accepted and not yet submitted. The others are upstream's words."""

    PENDING = "PENDING"
    QUEUED = "QUEUED"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def is_final(self) -> bool:
        return self in FINAL


FINAL = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED})


STRANGERS_OWNER = "external"
"""Owner of jobs that others submitted."""


class Source(StrEnum):
    """Who brought a piece of news."""

    API = "api"
    WORKER = "worker"
    WEBHOOK = "webhook"
    POLL = "poll"


class Outcome(StrEnum):
    """What became of a piece of news; every verified event ends in exactly one of them."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    STALE = "stale"
    NOTED = "noted"
    CONFLICT = "conflict"
    ADOPTED = "adopted"
    QUARANTINED = "quarantined"


class FailureCode(StrEnum):
    PROVIDER_FAILED = "provider_failed"
    REJECTED = "rejected"
    INSUFFICIENT_CREDITS = "insufficient_credits"
    LOST = "lost"
    EXPIRED = "expired"


INFERRED = frozenset({FailureCode.LOST, FailureCode.EXPIRED})
"""Failures that nobody told us: upstream's own word takes their place."""


def rfc3339(moment: datetime) -> str:
    """`2026-03-15T10:00:32.000Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Moment = Annotated[
    datetime,
    PlainSerializer(rfc3339, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


class Wire(BaseModel):
    """Frozen, camelCase outside, snake_case inside."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel, populate_by_name=True)


class MaskFacts(Wire):
    """The mask as its caller sent it: `sha256` of its decoded bytes, pixels, share of white (0-1)."""

    sha256: str
    width: int
    height: int
    coverage: float


class Result(Wire):
    """Where the images lie at upstream: four and a grid for an inpaint, one and none for an upsample."""

    images: tuple[str, ...] = ()
    grid_url: str | None = None


class Failure(Wire):
    code: FailureCode
    message: str


class Job(Wire):
    """One tracked job. A stranger (owner `external`) has nulls where only upstream knows more."""

    id: str
    upstream_job_id: str | None = None
    action: str | None = "inpaint"
    owner: str
    status: Status = Status.PENDING
    progress: int = 0
    parent_job_id: str | None = None
    prompt: str | None = None
    labels: dict[str, str] = {}
    mask: MaskFacts | None = None
    result: Result | None = None
    result_expires_at: Moment | None = None
    error: Failure | None = None
    credit_cost: int | None = None
    settled_by: Source | None = None
    created_at: Moment
    submitted_at: Moment | None = None
    started_at: Moment | None = None
    completed_at: Moment | None = None
    updated_at: Moment

    @computed_field  # type: ignore[prop-decorator]  # python/mypy#14461: property under a decorator
    @property
    def links(self) -> dict[str, str]:
        return links_of(self.id)


def links_of(job_id: str) -> dict[str, str]:
    here = f"/v1/jobs/{job_id}"
    return {"self": here, "events": f"{here}/events", "stream": f"{here}/stream"}


class HistoryEntry(Wire):
    """One line of a job's history. `status` and `progress` are the job's after the entry."""

    seq: int
    at: Moment
    source: Source
    type: str
    status: Status
    progress: int
    outcome: Outcome
    detail: dict[str, Any] | None = None

"""The news that can reach a job, as values. What each does to a job is for `transitions` alone to say.

`Report` is upstream's own word, by webhook or by lookup; the others come from our worker's dealings with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from tracker.job import Failure, Result, Source, Status

NOTHING: Mapping[str, Any] = MappingProxyType({})
"""One for all, where a dict of its own for each report would cost as much as the rest of it."""


@dataclass(frozen=True)
class Accepted:
    """Upstream took the submission. `status` is its word at that moment; a replayed key may answer with any."""

    upstream_job_id: str
    status: Status


@dataclass(frozen=True)
class Refused:
    """Upstream will never take this submission."""

    failure: Failure


@dataclass(frozen=True)
class Deferred:
    """An attempt came to nothing, or to nothing that we know of (`outcome_unknown`); it is made again at `retry_at`."""

    reason: str
    retry_at: datetime
    outcome_unknown: bool = False
    short_of_credits: bool = False
    """Refused for want of credits, though the account showed enough."""


@dataclass(frozen=True)
class Expired:
    """It could not be submitted in time."""

    message: str


@dataclass(frozen=True)
class Overdue:
    """Upstream has it, and did not finish it in time."""

    message: str


@dataclass(frozen=True)
class Withdrawn:
    """Its owner, or an operator, wants it cancelled: possible only while upstream cannot have it."""

    by: str


@dataclass(frozen=True)
class Missing:
    """Upstream answered 404, for the `times`-th time in a row `since` the first; `lost` once that is enough."""

    times: int
    lost: bool
    since: datetime | None = None


@dataclass(slots=True)
class Report:
    """What upstream says of one of its jobs, read from a delivery (`webhook`) or a lookup (`poll`).

    `progress` is 0-100 or None; `result` is None when there was no URL in it; `error` is upstream's text, bounded;
    `origin` holds `action`, `parentJobId` and `prompt` where a lookup told them; `rest` is kept in the history.
    `fingerprint` (8 bytes of a SHA-256 of the body without the job's id) tells a delivery that was seen before. One is
    made for each delivery, and to freeze it would take as long as to verify it.
    """

    source: Source
    upstream_job_id: str
    status: Status
    progress: int | None = None
    result: Result | None = None
    error: str | None = None
    credit_cost: int | None = None
    completed_at: datetime | None = None
    expired: bool = False
    origin: Mapping[str, str] = field(default_factory=dict)
    webhook_url: str | None = None
    """Where upstream was told to deliver, where a lookup told it."""
    rest: Mapping[str, Any] = field(default_factory=dict)
    fingerprint: bytes = b""
    is_bare: bool = field(default=False, compare=False)
    """Known to say nothing but `status` and `progress`."""


Event = Accepted | Refused | Deferred | Expired | Overdue | Withdrawn | Missing | Report

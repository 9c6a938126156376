"""The state machine: one table, and a pure function that looks things up in it.

`plan(event, now)` turns news into a `Change`: what it asks for in each state, and the fields it brings. It does not
read the job: the change is evaluated against the record inside Redis (`store/lua/apply.lua`), atomically.
`decision.decide` is the same evaluation in Python, the reference that the script is tested against.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, assert_never

from tracker.clock import to_ms
from tracker.events import Accepted, Deferred, Event, Expired, Missing, Overdue, Refused, Report, Withdrawn
from tracker.job import FINAL, INFERRED, Failure, FailureCode, Outcome, Result, Source, Status

RESULT_LIFETIME = timedelta(hours=24)
"""Upstream's shortest promise for its result files (dossier: 24 h, 90 days and 3 months are all documented)."""


class State(StrEnum):
    """Where a job stands: its status, save for two kinds of final state that may still give way."""

    PENDING = "PENDING"
    QUEUED = "QUEUED"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    INFERRED = "INFERRED"
    """`FAILED` as `lost` or `expired`: nobody told us, so upstream's own word takes its place."""
    DISPUTED = "DISPUTED"
    """Final, and contradicted since: upstream is being asked, and its answer decides."""


class Kind(StrEnum):
    """What a piece of news says; the history's `type`. `found_*` is a lookup's answer, which also settles disputes."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    DEFERRED = "deferred"
    EXPIRED = "expired"
    OVERDUE = "overdue"
    WITHDRAWN = "withdrawn"
    MISSING = "missing"
    LOST = "lost"
    QUEUED = "queued"
    PROGRESS = "progress"
    EMPTY = "completed_without_result"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    FOUND_COMPLETED = "found_completed"
    FOUND_FAILED = "found_failed"
    FOUND_CANCELLED = "found_cancelled"


@dataclass(frozen=True)
class Verdict:
    """`to` is set where the job moves; moving to the status it has means that its progress must grow."""

    outcome: Outcome
    to: Status | None = None
    upholds: bool = False
    """A lookup that could not decide a dispute: the state stays, and the dispute is over."""


def move(to: Status) -> Verdict:
    return Verdict(Outcome.APPLIED, to)


DUPLICATE = Verdict(Outcome.DUPLICATE)
STALE = Verdict(Outcome.STALE)
NOTED = Verdict(Outcome.NOTED)
CONFLICT = Verdict(Outcome.CONFLICT)
UPHELD = Verdict(Outcome.NOTED, upholds=True)
QUEUED, PROCESSING = move(Status.QUEUED), move(Status.PROCESSING)
COMPLETED, FAILED, CANCELLED = move(Status.COMPLETED), move(Status.FAILED), move(Status.CANCELLED)

Row = Mapping[State, Verdict]


def _row(*verdicts: Verdict) -> Row:
    return dict(zip(State, verdicts, strict=True))


# fmt: off
TABLE: Mapping[Kind, Row] = {
    #                           PENDING     QUEUED      PROCESSING  COMPLETED  FAILED     CANCELLED  INFERRED    DISPUTED
    Kind.ACCEPTED:        _row(QUEUED,     NOTED,      NOTED,      NOTED,     NOTED,     NOTED,     QUEUED,     NOTED),
    Kind.REFUSED:         _row(FAILED,     NOTED,      NOTED,      NOTED,     NOTED,     NOTED,     NOTED,      NOTED),
    Kind.DEFERRED:        _row(NOTED,      NOTED,      NOTED,      NOTED,     NOTED,     NOTED,     NOTED,      NOTED),
    Kind.EXPIRED:         _row(FAILED,     STALE,      STALE,      STALE,     STALE,     STALE,     STALE,      STALE),
    Kind.OVERDUE:         _row(STALE,      FAILED,     FAILED,     STALE,     STALE,     STALE,     STALE,      STALE),
    Kind.WITHDRAWN:       _row(CANCELLED,  STALE,      STALE,      STALE,     STALE,     DUPLICATE, STALE,      STALE),
    Kind.MISSING:         _row(STALE,      NOTED,      NOTED,      STALE,     STALE,     STALE,     STALE,      NOTED),
    Kind.LOST:            _row(STALE,      FAILED,     FAILED,     STALE,     STALE,     STALE,     STALE,      UPHELD),
    Kind.QUEUED:          _row(QUEUED,     DUPLICATE,  STALE,      STALE,     STALE,     STALE,     QUEUED,     STALE),
    Kind.PROGRESS:        _row(PROCESSING, PROCESSING, PROCESSING, STALE,     STALE,     STALE,     PROCESSING, STALE),
    Kind.EMPTY:           _row(PROCESSING, NOTED,      NOTED,      DUPLICATE, CONFLICT,  CONFLICT,  NOTED,      CONFLICT),
    Kind.COMPLETED:       _row(COMPLETED,  COMPLETED,  COMPLETED,  DUPLICATE, CONFLICT,  CONFLICT,  COMPLETED,  CONFLICT),
    Kind.FAILED:          _row(FAILED,     FAILED,     FAILED,     CONFLICT,  DUPLICATE, CONFLICT,  FAILED,     CONFLICT),
    Kind.CANCELLED:       _row(CANCELLED,  CANCELLED,  CANCELLED,  CONFLICT,  CONFLICT,  DUPLICATE, CANCELLED,  CONFLICT),
    Kind.FOUND_COMPLETED: _row(COMPLETED,  COMPLETED,  COMPLETED,  DUPLICATE, CONFLICT,  CONFLICT,  COMPLETED,  COMPLETED),
    Kind.FOUND_FAILED:    _row(FAILED,     FAILED,     FAILED,     CONFLICT,  DUPLICATE, CONFLICT,  FAILED,     FAILED),
    Kind.FOUND_CANCELLED: _row(CANCELLED,  CANCELLED,  CANCELLED,  CONFLICT,  CONFLICT,  DUPLICATE, CANCELLED,  CANCELLED),
}
# fmt: on

Fields = Mapping[str, Any]
NOTHING: Fields = {}


@dataclass(slots=True)
class Change:
    """What `apply.lua` needs to know. Field names are the record's; times are milliseconds since 1970.

    `put` is written when the job moves, and `drop` removed before; `fill` where a field is empty, when the news is not stale; `lower` makes a
    number smaller, never larger; `mark` is bookkeeping, written whatever the outcome. `asks` wants upstream asked at
    once. `retry_at` and `frees_slot` concern a job that is still pending; with `needs_no_slot` the change is stale for one
    that holds a slot: an attempt is under way, or its outcome is unknown. Not frozen, for the reason that a Report has.
    """

    kind: Kind
    source: Source
    at: datetime
    verdicts: Row
    upstream_job_id: str | None = None
    progress: int | None = None
    put: Fields = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    fill: Fields = field(default_factory=dict)
    lower: Fields = field(default_factory=dict)
    mark: Fields = field(default_factory=dict)
    detail: Fields = field(default_factory=dict)
    completed_at: datetime | None = None
    result_lifetime: timedelta | None = None
    asks: bool = False
    retry_at: datetime | None = None
    frees_slot: bool = False
    needs_no_slot: bool = False
    fingerprint: bytes = b""


def plan(event: Event, now: datetime) -> Change:
    """What `event`, learned at `now`, asks of a job in any state. Pure; total over events and states."""
    match event:
        case Report():
            return _report(event, now)
        case Accepted():
            return _change(Kind.ACCEPTED, now, upstream_job_id=event.upstream_job_id,
                           detail={"upstreamJobId": event.upstream_job_id, "status": event.status},
                           asks=event.status.is_final)  # fmt: skip
        case Refused():
            return _failing(Kind.REFUSED, now, event.failure)
        case Deferred():
            return _deferred(event, now)
        case Expired():
            return _failing(Kind.EXPIRED, now, Failure(code=FailureCode.EXPIRED, message=event.message))
        case Overdue():
            return _failing(Kind.OVERDUE, now, Failure(code=FailureCode.EXPIRED, message=event.message))
        case Withdrawn():
            return _change(Kind.WITHDRAWN, now, source=Source.API, needs_no_slot=True, detail={"by": event.by})
        case Missing(lost=True):
            text = f"Apiframe no longer knows this job (404, {event.times} times in a row)."
            change = _failing(Kind.LOST, now, Failure(code=FailureCode.LOST, message=text))
            return replace(change, source=Source.POLL)
        case Missing():
            mark = {"misses": event.times, "missingSince": to_ms(event.since or now)}
            return _change(Kind.MISSING, now, source=Source.POLL, mark=mark, detail={"times": event.times})
    assert_never(event)


def _change(kind: Kind, now: datetime, *, source: Source = Source.WORKER, **fields: Any) -> Change:
    return Change(kind=kind, source=source, at=now, verdicts=TABLE[kind], **fields)


def _deferred(event: Deferred, now: datetime) -> Change:
    return _change(
        Kind.DEFERRED,
        now,
        retry_at=event.retry_at,
        frees_slot=not event.outcome_unknown,
        mark={"short": int(event.short_of_credits)} | ({"doubtful": 1} if event.outcome_unknown else {}),
        detail={"reason": event.reason, "outcomeUnknown": event.outcome_unknown},
    )


def _failing(kind: Kind, now: datetime, failure: Failure) -> Change:
    inferred = {"inferred": 1} if failure.code in INFERRED else {}
    put = {"error": failure.model_dump_json(by_alias=True), **inferred}
    return _change(kind, now, put=put, detail=failure.model_dump(mode="json"))


def _report(report: Report, now: datetime) -> Change:
    kind = _kind(report)
    return Change(
        kind=kind,
        source=report.source,
        at=now,
        verdicts=TABLE[kind],
        upstream_job_id=report.upstream_job_id,
        progress=report.progress,
        put=_conclusion(report),
        drop=("creditCost",) if kind in _REFUNDED else (),
        fill=_facts(report),
        lower={"resultExpiresAt": to_ms(now)} if report.expired else NOTHING,
        detail=_told(report),
        mark={"misses": 0},
        completed_at=report.completed_at,
        result_lifetime=RESULT_LIFETIME if report.status is Status.COMPLETED else None,
        asks=kind is Kind.EMPTY,
        fingerprint=report.fingerprint,
    )


_REFUNDED = (Kind.FAILED, Kind.CANCELLED, Kind.FOUND_FAILED, Kind.FOUND_CANCELLED)
_FOUND = {
    Status.COMPLETED: Kind.FOUND_COMPLETED,
    Status.FAILED: Kind.FOUND_FAILED,
    Status.CANCELLED: Kind.FOUND_CANCELLED,
}
_TOLD = {
    Status.PENDING: Kind.QUEUED,
    Status.QUEUED: Kind.QUEUED,
    Status.PROCESSING: Kind.PROGRESS,
    Status.COMPLETED: Kind.COMPLETED,
    Status.FAILED: Kind.FAILED,
    Status.CANCELLED: Kind.CANCELLED,
}


def _kind(report: Report) -> Kind:
    if report.source is Source.POLL and report.status in FINAL:
        return _FOUND[report.status]
    if report.status is Status.COMPLETED and report.result is None:
        return Kind.EMPTY
    return _TOLD[report.status]


def _conclusion(report: Report) -> Fields:
    """The fields of a final state; a lookup without any URL concludes with no images. Its cost is the final one: a
    failure is refunded, so what was told of its cost before goes, also where the news says nothing of it."""
    if report.status not in FINAL:
        return NOTHING
    cost = {"creditCost": report.credit_cost} if report.credit_cost is not None else {}
    if report.status is Status.COMPLETED and (report.result or report.source is Source.POLL):
        return {"result": report.result or Result(), **cost}
    if report.status is Status.FAILED:
        message = report.error or "Apiframe gave no reason."
        failure = Failure(code=FailureCode.PROVIDER_FAILED, message=message)
        return {"error": failure.model_dump_json(by_alias=True), **cost}
    return cost


def _facts(report: Report) -> Fields:
    if report.credit_cost is None:
        return report.origin
    return {"creditCost": report.credit_cost, **report.origin}


def _told(report: Report) -> Fields:
    told = {name: value for name, value in report.rest.items() if value is not None} if report.rest else {}
    if report.error is not None:
        told["error"] = report.error
    if report.credit_cost is not None:
        told["creditCost"] = report.credit_cost
    if report.result is not None:
        told["images"] = len(report.result.images)
    return told

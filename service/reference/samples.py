"""Examples, made with the models and the errors in use; a test holds each against its schema."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel

from service.actions import too_late
from service.bulk import BulkRefusal, BulkResult
from service.deliveries import shown
from service.problems import problem
from service.stats import Stats
from tracker.apiframe.signature import verified_before
from tracker.clock import to_ms
from tracker.errors import (
    Backlogged,
    BadRequest,
    Busy,
    Conflict,
    Forbidden,
    Gone,
    HeadersTooLarge,
    InvalidInput,
    MaskRefused,
    MethodNotAllowed,
    NotAcceptable,
    NotFound,
    SignatureRefused,
    StoreUnavailable,
    TooLarge,
    TooManyFailures,
    TooSlow,
    TrackerError,
    Unauthenticated,
    UnsupportedMediaType,
    UpstreamFault,
    UpstreamUnavailable,
)
from tracker.job import Failure, FailureCode, HistoryEntry, Job, MaskFacts, Outcome, Result, Source, Status
from tracker.store.audit import AuditEntry
from tracker.store.deliveries import LoggedDelivery, Refusal
from tracker.store.gate import Cause, Pause
from tracker.store.quarantine import Quarantined

REQUEST_ID = "6e0b5f0c2d7a4c1f9a53"
JOB_ID = "019cf0f0-b200-7000-8a3f-5b1d2c4e6f70"
UPSTREAM_ID = "a1b2c3d4-e5f6-4890-abcd-ef1234567890"
PARENT_ID = "c3d4e5f6-a7b8-4012-8def-345678901234"
MASK = (
    "iVBORw0KGgoAAAANSUhEUgAAAEAAAABAAQAAAACCEkxzAAAAHklEQVR42mNg"
    "GFyAkYHhPwMDAyMDE0xklIHMGGwAAPa7AUAn7aGOAAAAAElFTkSuQmCC"
)
"""64 x 64 pixels, a white square in the middle."""
CURSOR = "Q2tEX0l4a2c5YTAxOWNmMGYwLWIyMDA"
_START = datetime(2026, 3, 15, 10, 0, 32, tzinfo=UTC)


def _at(seconds: float) -> datetime:
    return _START + timedelta(seconds=seconds)


def _wire(model: BaseModel, **options: Any) -> dict[str, Any]:
    return model.model_dump(mode="json", by_alias=True, **options)


_PENDING = Job(
    id=JOB_ID,
    owner="editor",
    parent_job_id=PARENT_ID,
    prompt="a red hot air balloon",
    labels={"order": "8821"},
    mask=MaskFacts(
        sha256="04cdb60570696f7ac20b990d329e4a6ae0563ea243105eec7e95fccae074004a", width=64, height=64, coverage=0.25
    ),
    created_at=_at(0),
    updated_at=_at(0),
)
_PROCESSING = _PENDING.model_copy(
    update={
        "status": Status.PROCESSING,
        "progress": 45,
        "upstream_job_id": UPSTREAM_ID,
        "submitted_at": _at(0.2),
        "started_at": _at(4),
        "updated_at": _at(11.5),
    }
)
_COMPLETED = _PROCESSING.model_copy(
    update={
        "status": Status.COMPLETED,
        "progress": 100,
        "result": Result(
            images=tuple(f"https://cdn2.apiframe.ai/images/{UPSTREAM_ID}-{n}.png" for n in range(1, 5)),
            grid_url=f"https://cdn2.apiframe.ai/images/{UPSTREAM_ID}-grid.png",
        ),
        "result_expires_at": _at(31) + timedelta(hours=24),
        "credit_cost": 16,
        "settled_by": Source.WEBHOOK,
        "completed_at": _at(31),
        "updated_at": _at(31.1),
    }
)
_FAILED = _PROCESSING.model_copy(
    update={
        "status": Status.FAILED,
        "error": Failure(code=FailureCode.PROVIDER_FAILED, message="Provider returned an error: content policy"),
        "settled_by": Source.WEBHOOK,
        "completed_at": _at(12),
        "updated_at": _at(12.1),
    }
)
_STRANGER = _PROCESSING.model_copy(update={"mask": None, "submitted_at": None, "prompt": None})
_CANCELLED = _PENDING.model_copy(
    update={
        "status": Status.CANCELLED,
        "completed_at": _at(2),
        "updated_at": _at(2),
    }
)

PENDING, PROCESSING, COMPLETED, FAILED, STRANGER, CANCELLED = (
    _wire(job) for job in (_PENDING, _PROCESSING, _COMPLETED, _FAILED, _STRANGER, _CANCELLED)
)
EVENTS = [
    _wire(entry, exclude_none=True)
    for entry in (
        HistoryEntry(
            seq=1, at=_at(0), source=Source.API, type="created", status=Status.PENDING, progress=0,
            outcome=Outcome.APPLIED,
        ),
        HistoryEntry(
            seq=2, at=_at(11.5), source=Source.WEBHOOK, type="progress", status=Status.PROCESSING, progress=45,
            outcome=Outcome.APPLIED,
        ),
    )
]  # fmt: skip

SUBMISSION = {
    "parentJobId": PARENT_ID,
    "mask": MASK,
    "prompt": "a red hot air balloon",
    "labels": {"order": "8821"},
}
TRACKING = {"upstreamJobId": UPSTREAM_ID, "labels": {"order": "8821"}}
DELIVERY = {
    "event": "completed",
    "jobId": UPSTREAM_ID,
    "status": "COMPLETED",
    "progress": 100,
    "result": {"images": COMPLETED["result"]["images"], "gridUrl": COMPLETED["result"]["gridUrl"]},
    "creditCost": 16,
    "completedAt": COMPLETED["completedAt"],
}
EVENT_ID = "1773568832000-0/7"
JOB_EVENT = {"id": EVENT_ID, "event": "job", "data": Job.model_validate(COMPLETED).model_dump_json(by_alias=True)}
REASON = {"reason": "Apiframe maintenance, until 18:00"}
PAUSED = {"paused": _wire(Pause(cause=Cause.OPERATOR, reason=REASON["reason"], since=_at(0), by="ops"))}
STATS = _wire(
    Stats.model_validate(
        {
            "at": _at(60), "inFlight": 2, "maxInFlight": 50, "oldestInFlightAt": _at(2),
            "jobs": {**dict.fromkeys(Status, 0), Status.PENDING: 3, Status.PROCESSING: 2, Status.COMPLETED: 992},
            "queueDepth": 3, "queueDepthByOwner": {"editor": 3},
            "webhooksPerMinute": {"applied": 12, "duplicate": 1},
            "webhooksByMinute": [{"at": _at(0), "outcomes": {"applied": 12, "duplicate": 1}}],
            "lostWebhooks": {"lastHour": 2, "due": 118, "rate": 0.0169},
            "timeToComplete": {"jobs": 992, "p50": 31.2, "p95": 60.1, "p99": 80.5},
            "creditsSpent": {"today": 160, "last30Days": 160, "byDay": [{"day": _at(0).date(), "credits": 160}]},
            "paused": None, "held": {"reason": "Apiframe asked to slow down (429), for 12 s.", "seconds": 11.4},
        }
    )
)  # fmt: skip
DELIVERIES = [
    _wire(LoggedDelivery(at=_at(40), cause=Refusal.MISMATCH, job_id=JOB_ID, bytes=412, ms=0.31)),
    _wire(
        LoggedDelivery.model_validate(
            {"at": _at(31), "outcome": Outcome.APPLIED, "jobId": JOB_ID, "event": "completed", "bytes": 733,
             "secretForm": "hex", "ms": 1.84}
        )
    ),
]  # fmt: skip
QUARANTINED = shown(
    Quarantined(
        id=f"{to_ms(_at(20))}-0",
        delivery=verified_before(b'{"event":"upscaled","jobId":"' + UPSTREAM_ID.encode() + b'"}', "hex", 0),
        address=JOB_ID,
        why="unknown event 'upscaled'",
    )
)
_AUDIT_ID = "019cf0f0-b6e8-7000-9b1d-2c3d4e5f6a7b"
AUDIT = [
    _wire(
        AuditEntry(
            id=_AUDIT_ID, at=_at(1.256), by="ops", action="job.cancel", job_id=JOB_ID,
            details={"owner": "editor", "outcome": Outcome.APPLIED},
        )
    ),
]  # fmt: skip
BULK = {"action": "cancel", "filter": {"status": ["PENDING"], "labels": {"order": "8821"}}, "dryRun": True}
BULK_BY_ID = {"action": "refresh", "ids": [JOB_ID, UPSTREAM_ID]}
BULK_RESULT = _wire(
    BulkResult(
        action="cancel", dry_run=True, matched=12, touched=11,
        refused=[BulkRefusal(id=JOB_ID, reason=too_late(Status.PENDING))], refused_count=1, more=False,
    )
)  # fmt: skip
READINESS = {"status": "ready", "instance": "b1946ac92492d2347c6235b4d2611184"}
METRICS = '# HELP tracker_jobs Jobs held, by status.\n# TYPE tracker_jobs gauge\ntracker_jobs{status="PENDING"} 3.0\n'

REFUSALS: tuple[TrackerError, ...] = (
    BadRequest("The body is not JSON: EOF while parsing a string at line 1 column 61."),
    Unauthenticated("Send an API key as X-API-Key, or as Authorization: Bearer."),
    SignatureRefused("mismatch", "The signature does not match the body."),
    Forbidden("The key 'reader' lacks the scope 'submit'."),
    NotFound("There is no such job, or it is not yours to see."),
    MethodNotAllowed("This address does not take this method; see Allow."),
    NotAcceptable("What is here is application/json; let Accept allow it."),
    TooSlow("The body did not come in time: 4,096 bytes in 20 s."),
    Conflict("It is COMPLETED: only a pending job can be cancelled, since Apiframe offers no cancel."),
    Gone("The job's images have expired: its resultExpiresAt is over."),
    TooLarge("The body has more bytes than are taken here."),
    UnsupportedMediaType("Send application/json or multipart/form-data."),
    InvalidInput({"wiat": ["Unknown parameter; this address takes until, wait."]}),
    MaskRefused("The mask is not base64: character 1 of 9 is '%', which cannot stand there."),
    TooManyFailures("Too many wrong keys or signatures came from your address; a right one is taken at any time.", 3),
    HeadersTooLarge("The address and all headers together may have 16,384 bytes."),
    TrackerError("The service failed; its log has more."),
    UpstreamFault("What lies at the image's address is no PNG, JPEG, WebP or GIF."),
    Backlogged("Too many jobs wait to be submitted; send this one again later.", 30),
    Busy("Too many large bodies are being sent at once; send this one again in a moment."),
    StoreUnavailable("Redis cannot serve this now (ConnectionError); try again."),
    UpstreamUnavailable("Apiframe asks us to slow down.", 9),
)
"""One of each kind that can be answered, as it reads."""


def problem_of(error: TrackerError) -> dict[str, Any]:
    """The very answer that the service would give."""
    body: dict[str, Any] = json.loads(bytes(problem(error, REQUEST_ID).body))
    return body

"""Each operation: who it is for, what it takes and what it answers, keyed as the route table has it.

What it does is told by its endpoint's docstring, its scopes by the route; neither is repeated here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from service import actions, audit, bulk, deliveries, jobs, operators, queries, webhooks
from service.forms import MAX_FORM
from service.images import route as images
from service.live import stream
from service.reference import samples
from service.reference.schemas import LABEL_PART, REF
from tracker import errors
from tracker.errors import TrackerError
from tracker.job import Status
from tracker.store.jobs import IDEMPOTENCY_LIFETIME
from tracker.submission import KEY, MAX_KEY, MAX_LABEL

JSON = "application/json"
HOURS = int(IDEMPOTENCY_LIFETIME.total_seconds()) // 3600

TAGS = {
    "Jobs": "Submit inpaint jobs, follow them to their end, find them again.",
    "Operations": "How it goes, and what operators do.",
    "Webhooks": "Where Apiframe delivers its news. Callers have no use for these.",
    "Service": "For machines that watch the service, and for people who read about it.",
}


def text(**more: Any) -> dict[str, Any]:
    return {"type": "string", **more}


def query(name: str, description: str, schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "description": description, "schema": schema, **more}


def header(name: str, description: str, schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": description, "schema": schema, **more}


_MOMENT = text(format="date-time", examples=[samples.PENDING["createdAt"]])
_LABEL = text(minLength=1, maxLength=MAX_LABEL)

PARAMETERS: dict[str, dict[str, Any]] = {
    "jobId": {
        "name": "jobId",
        "in": "path",
        "required": True,
        "description": "The job's id, ours or Apiframe's.",
        "schema": text(format="uuid"),
        "example": samples.JOB_ID,
    },
    "hint": {
        "name": "jobId",
        "in": "path",
        "required": True,
        "description": "Our id of the job, as it was put into `webhookUrl`. It is not signed, so it is a hint: "
        "what the body says of another job never changes this one.",
        "schema": text(minLength=1),
        "example": samples.JOB_ID,
    },
    "wait": query(
        "wait",
        "Seconds to hold the answer while the job does not change. With `If-None-Match`, changes count from that "
        "version on, so that none is missed between two calls. A final job is answered at once.",
        {"type": "number", "minimum": 0, "maximum": queries.MAX_WAIT, "default": 0},
    ),
    "until": query("until", "With `wait`: hold the answer until the job is final.", text(enum=["final"])),
    "status": query(
        "status",
        "Any of these; repeat it for several.",
        {"type": "array", "items": {"$ref": f"{REF}{Status.__name__}"}},
        style="form",
        explode=True,
    ),
    "owner": query("owner", "Name of a key. Without `read:all`, others' jobs are not shown.", text(minLength=1)),
    "parentJobId": query("parentJobId", "Apiframe's id of the upsample.", text(format="uuid")),
    "label.*": query(
        "label.*",
        "`label.NAME=VALUE` for each label that a job must have.",
        {
            "type": "object",
            "patternProperties": {LABEL_PART: _LABEL},
            "additionalProperties": False,
        },
        style="form",
        explode=True,
        example={"label.order": "8821"},
    ),
    "createdAfter": query("createdAfter", "Later than this.", _MOMENT),
    "createdBefore": query("createdBefore", "Earlier than this.", _MOMENT),
    "outcome": query(
        "outcome",
        f"Any of these, outcomes and causes alike; `{queries.REFUSED}` stands for every cause. Repeat it for several.",
        {"type": "array", "items": text(enum=list(queries.WORDS))},
        style="form",
        explode=True,
    ),
    "ofJob": query("jobId", "About this job, by its id, ours or Apiframe's.", text(format="uuid")),
    "by": query("by", "Name of the operator's key.", text(minLength=1)),
    "action": query("action", "What was done.", text(enum=list(audit.ACTIONS))),
    "entryId": {
        "name": "entryId",
        "in": "path",
        "required": True,
        "description": "`id` in the list of the quarantine.",
        "schema": text(minLength=1),
        "example": samples.QUARANTINED["id"],
    },
    "limit": query(
        "limit",
        "How many to show.",
        {"type": "integer", "minimum": 1, "maximum": queries.MAX_LIMIT, "default": queries.DEFAULT_LIMIT},
    ),
    "cursor": query("cursor", "`nextCursor` of the page before, with the same filters.", text(minLength=1)),
    "image": {
        "name": "image",
        "in": "path",
        "required": True,
        "description": f"Which of the job's images, or the `{images.GRID}` of them.",
        "schema": text(enum=list(images.NAMES)),
        "example": images.GRID,
    },
    "width": query(
        "width",
        "A smaller image of this width in pixels; one that is no wider is answered as it is.",
        {"type": "integer", "minimum": queries.MIN_WIDTH, "maximum": queries.MAX_WIDTH},
    ),
    "If-None-Match": header("If-None-Match", "`ETag` of the version you know: 304 while it is the last.", text()),
    "Last-Event-ID": header(
        "Last-Event-ID",
        "`id` of the last event that you have, as it came: goes on behind it.",
        text(pattern=f"^{stream.EVENT_ID}$"),
        example=samples.EVENT_ID,
    ),
    "Idempotency-Key": header(
        "Idempotency-Key",
        f"Makes a repetition safe: the same key and request within {HOURS} h give the same job.",
        text(minLength=1, maxLength=MAX_KEY, pattern=f"^{KEY}$"),
        example="order-8821",
    ),
    "traceparent": header(
        "traceparent",
        "Makes the job part of your trace (W3C Trace Context); one that is not valid is ignored.",
        text(),
        example="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    ),
    "X-Webhook-Signature": header(
        "X-Webhook-Signature",
        "`sha256=` and the hex HMAC-SHA256 of the body's bytes, keyed with the SHA-256 of the Apiframe key.",
        text(),
        required=True,
        example=f"sha256={'0f' * 32}",
    ),
    "X-Request-ID": header(
        "X-Request-ID",
        "Names the request in the answer and in the service's log; one that is not sane is replaced.",
        text(examples=[samples.REQUEST_ID]),
    ),
}

HEADERS: dict[str, dict[str, Any]] = {
    "X-Request-ID": {"description": "Name it when you ask for help.", "schema": text(minLength=1)},
    "ETag": {"description": "Stands for this version of what is answered; strong.", "schema": text(pattern='^".+"$')},
    "Cache-Control": {"description": "How long it may be kept, by you alone.", "schema": text()},
    "Content-Disposition": {"description": "A name for the file.", "schema": text()},
    "Location": {"description": "The job's address.", "schema": text(pattern="^/v1/jobs/")},
    "Idempotency-Replayed": {
        "description": "There if this is the job of an earlier request with the same `Idempotency-Key`.",
        "schema": text(const="true"),
    },
    "Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}},
    "WWW-Authenticate": {"description": "How to send a key.", "schema": text()},
    "Allow": {"description": "The methods that the address takes.", "schema": text()},
}
OPTIONAL_HEADERS = {"Idempotency-Replayed"}


@dataclass(frozen=True)
class Media:
    """A body: the name of its schema, and examples by name."""

    schema: str
    examples: Mapping[str, Any] = field(default_factory=dict)
    encoding: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Answer:
    text: str
    media: Mapping[str, Media | None] = field(default_factory=dict)
    headers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Operation:
    """`refusals` are those of its own; what every guarded route refuses is added."""

    id: str
    tag: str
    answers: Mapping[int, Answer]
    parameters: tuple[str, ...] = ()
    body: Mapping[str, Media] | None = None
    refusals: tuple[type[TrackerError], ...] = ()
    about: str = ""
    """Ends the summary, where one endpoint serves two routes."""
    body_required: bool = True


EVERYWHERE = (errors.BadRequest, errors.HeadersTooLarge, errors.TrackerError)
GUARDED = (
    errors.Unauthenticated,
    errors.TooManyFailures,
    errors.Forbidden,
    errors.NotAcceptable,
    errors.InvalidInput,
    errors.StoreUnavailable,
)
BODY = (errors.TooLarge, errors.TooSlow, errors.Busy)
WITH_BODY = (*BODY, errors.UnsupportedMediaType)


def job(said: str, *examples: str, headers: tuple[str, ...] = ()) -> Answer:
    shown = {name: getattr(samples, name.upper()) for name in examples}
    return Answer(said, {JSON: Media("Job", shown)}, ("ETag", *headers))


def page(schema: str, name: str, items: list[dict[str, Any]]) -> Answer:
    return Answer("A page.", {JSON: Media(schema, {"last": {name: items, "nextCursor": None, "hasMore": False}})})


_RECEIPT = Answer(
    "The news is in Redis, whatever became of it.",
    {JSON: Media("Receipt", {"applied": {"jobId": samples.JOB_ID, "outcome": "applied"}})},
)
_DELIVERY = {JSON: Media("Delivery", {"completed": samples.DELIVERY})}
_IMAGES = {f"image/{kind}": Media("") for kind in ("png", "jpeg", "webp", "gif")}
_DELIVERED = (*BODY, errors.SignatureRefused, errors.TooManyFailures, errors.StoreUnavailable)

OPERATIONS: dict[str, Operation] = {
    "POST /v1/jobs": Operation(
        "submitJob",
        "Jobs",
        {202: job("Taken.", "pending", headers=("Location", "Idempotency-Replayed"))},
        ("Idempotency-Key", "traceparent"),
        {
            JSON: Media("InpaintRequest", {"balloon": samples.SUBMISSION}),
            "multipart/form-data": Media(
                "InpaintForm",
                encoding={
                    "labels": {"contentType": JSON},
                    "mask": {"contentType": "image/png, image/jpeg, image/webp"},
                },
            ),
        },
        (*WITH_BODY, errors.MaskRefused, errors.Conflict, errors.Backlogged),
    ),
    "GET /v1/jobs": Operation(
        "listJobs",
        "Jobs",
        {
            200: Answer(
                "A page.",
                {
                    JSON: Media(
                        "JobPage",
                        {
                            "first": {"jobs": [samples.PROCESSING], "nextCursor": samples.CURSOR, "hasMore": True},
                            "last": {"jobs": [samples.COMPLETED], "nextCursor": None, "hasMore": False},
                        },
                    )
                },
            )
        },
        jobs.LIST_QUERY,
    ),
    "POST /v1/jobs/track": Operation(
        "trackJob",
        "Jobs",
        {
            200: job("It was known already.", "stranger", headers=("Location",)),
            201: job("Tracked from now on.", "stranger", headers=("Location",)),
        },
        (),
        {JSON: Media("TrackRequest", {"one": samples.TRACKING})},
        (*WITH_BODY, errors.NotFound, errors.Conflict, errors.UpstreamUnavailable),
    ),
    "POST /v1/jobs/actions": Operation(
        "actOnJobs",
        "Operations",
        {200: Answer("What was done, or would be.", {JSON: Media("BulkResult", {"dry run": samples.BULK_RESULT})})},
        (),
        {JSON: Media("BulkRequest", {"by filter": samples.BULK, "by id": samples.BULK_BY_ID})},
        WITH_BODY,
    ),
    "GET /v1/jobs/{job_id}": Operation(
        "getJob",
        "Jobs",
        {
            200: job("The job as it is.", "pending", "processing", "completed", "failed"),
            304: Answer("It is still the version that you know.", headers=("ETag",)),
        },
        ("jobId", *jobs.GET_QUERY, "If-None-Match"),
        None,
        (errors.NotFound,),
    ),
    "GET /v1/jobs/{job_id}/events": Operation(
        "listJobEvents",
        "Jobs",
        {
            200: Answer(
                "A page.",
                {JSON: Media("EventPage", {"all": {"events": samples.EVENTS, "nextCursor": None, "hasMore": False}})},
            )
        },
        ("jobId", *jobs.EVENTS_QUERY),
        None,
        (errors.NotFound,),
    ),
    "GET /v1/jobs/{job_id}/images/{image}": Operation(
        "getJobImage",
        "Jobs",
        {
            200: Answer("The image.", _IMAGES, ("ETag", "Cache-Control", "Content-Disposition")),
            304: Answer("It is still the image that you know.", headers=("ETag", "Cache-Control")),
        },
        ("jobId", "image", *images.IMAGE_QUERY, "If-None-Match"),
        None,
        (errors.NotFound, errors.Gone, errors.UpstreamFault, errors.UpstreamUnavailable, errors.Busy),
    ),
    "GET /v1/jobs/{job_id}/stream": Operation(
        "streamJob",
        "Jobs",
        {
            200: Answer(
                "Events until the job is final.", {stream.MEDIA: Media("StreamEvent", {"final": samples.JOB_EVENT})}
            ),
            204: Answer("It is final, and you have that version: there is nothing to wait for."),
        },
        ("jobId", "Last-Event-ID"),
        None,
        (errors.NotFound, errors.Busy),
    ),
    "GET /v1/stream": Operation(
        "streamJobs",
        "Jobs",
        {
            200: Answer(
                "Events, for as long as you listen.", {stream.MEDIA: Media("StreamEvent", {"one": samples.JOB_EVENT})}
            )
        },
        (*stream.STREAM_QUERY, "Last-Event-ID"),
        None,
        (errors.Busy,),
    ),
    "GET /v1/stats": Operation(
        "getStats", "Operations", {200: Answer("As it is now.", {JSON: Media("Stats", {"some": samples.STATS})})}
    ),
    "POST /v1/jobs/{job_id}/cancel": Operation(
        "cancelJob",
        "Jobs",
        {200: job("Cancelled, now or before.", "cancelled")},
        ("jobId",),
        None,
        (errors.NotFound, errors.Conflict),
    ),
    "POST /v1/jobs/{job_id}/refresh": Operation(
        "refreshJob",
        "Jobs",
        {200: job("The job as Apiframe tells of it.", "completed")},
        ("jobId",),
        None,
        (errors.NotFound, errors.Conflict, errors.UpstreamUnavailable),
    ),
    "POST /v1/queue/pause": Operation(
        "pauseQueue",
        "Operations",
        {200: Answer("Paused.", {JSON: Media("QueueState", {"paused": samples.PAUSED})})},
        (),
        {JSON: Media("Reason", {"maintenance": samples.REASON})},
        WITH_BODY,
    ),
    "POST /v1/queue/resume": Operation(
        "resumeQueue",
        "Operations",
        {200: Answer("Submitting, now or before.", {JSON: Media("QueueState", {"resumed": {"paused": None}})})},
        (),
        {JSON: Media("Reason", {"over": samples.REASON})},
        WITH_BODY,
        body_required=False,
    ),
    "GET /v1/deliveries": Operation(
        "listDeliveries",
        "Operations",
        {200: page("DeliveryPage", "deliveries", samples.DELIVERIES)},
        ("outcome", "ofJob", "limit", "cursor"),
    ),
    "GET /v1/quarantine": Operation(
        "listQuarantine",
        "Operations",
        {200: page("QuarantinePage", "entries", [samples.QUARANTINED])},
        deliveries.QUARANTINE_QUERY,
    ),
    "POST /v1/quarantine/{entry_id}/replay": Operation(
        "replayQuarantined",
        "Operations",
        {200: _RECEIPT},
        ("entryId",),
        None,
        (errors.NotFound, errors.Conflict),
    ),
    "DELETE /v1/quarantine/{entry_id}": Operation(
        "deleteQuarantined", "Operations", {204: Answer("Gone.")}, ("entryId",), None, (errors.NotFound,)
    ),
    "GET /v1/audit": Operation(
        "listAudit", "Operations", {200: page("AuditPage", "entries", samples.AUDIT)}, audit.LIST_QUERY
    ),
    "POST /webhooks/apiframe": Operation(
        "receiveDelivery", "Webhooks", {200: _RECEIPT}, ("X-Webhook-Signature",), _DELIVERY, _DELIVERED, "about any job"
    ),
    "POST /webhooks/apiframe/{job_id}": Operation(
        "receiveJobDelivery",
        "Webhooks",
        {200: _RECEIPT},
        ("hint", "X-Webhook-Signature"),
        _DELIVERY,
        _DELIVERED,
        "about a job of ours",
    ),
    "GET /healthz": Operation(
        "getHealth", "Service", {200: Answer("Alive.", {JSON: Media("Health", {"alive": {"status": "ok"}})})}
    ),
    "GET /readyz": Operation(
        "getReadiness",
        "Service",
        {200: Answer("Ready.", {JSON: Media("Readiness", {"ready": samples.READINESS})})},
        refusals=(errors.StoreUnavailable,),
    ),
    "GET /metrics": Operation(
        "getMetrics",
        "Service",
        {200: Answer("Prometheus text.", {"text/plain": Media("", {"few": samples.METRICS})})},
        refusals=(errors.StoreUnavailable,),
    ),
    "GET /openapi.json": Operation(
        "getOpenApi", "Service", {200: Answer("The document.", {JSON: None})}, refusals=(errors.InvalidInput,)
    ),
    "GET /docs": Operation(
        "getDocs", "Service", {200: Answer("A page.", {"text/html": Media("")})}, refusals=(errors.InvalidInput,)
    ),
}

SIZES = {
    "submitJob": f"At most {jobs.MAX_BODY:,} bytes of JSON, or {MAX_FORM:,} of a form.",
    "trackJob": f"At most {actions.MAX_BODY:,} bytes.",
    "actOnJobs": f"At most {bulk.MAX_BODY:,} bytes.",
    "pauseQueue": f"At most {operators.MAX_BODY:,} bytes.",
    "resumeQueue": f"At most {operators.MAX_BODY:,} bytes; may be left out.",
    "receiveDelivery": f"At most {webhooks.MAX_DELIVERY:,} bytes, signed as they are.",
    "receiveJobDelivery": f"At most {webhooks.MAX_DELIVERY:,} bytes, signed as they are.",
}

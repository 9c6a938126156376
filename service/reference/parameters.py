"""The parameters of operations, in path, query and header."""

from typing import Any

from service import audit, queries
from service.images import route as images
from service.live import stream
from service.reference import samples
from service.reference.schemas.words import LABEL_PART, REF
from tracker.job import Status
from tracker.store.jobs import IDEMPOTENCY_LIFETIME
from tracker.submission import KEY, MAX_KEY, MAX_LABEL

HOURS = int(IDEMPOTENCY_LIFETIME.total_seconds()) // 3600


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

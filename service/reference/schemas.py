"""The components' schemas: from the models in use, with the words and limits that a model does not hold."""

from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, models_json_schema

from service.bulk import MAX_JOBS, MAX_LISTED, BulkResult
from service.deliveries import QuarantinedDelivery
from service.operators import QueueState, Reason
from service.problems import TYPE
from service.selection import BulkRequest
from service.stats import Stats
from tracker.errors import TrackerError
from tracker.job import HistoryEntry, Job, Outcome, Wire
from tracker.masks import MAX_BYTES, MAX_CHARS, MAX_SIDE, MIN_SIDE, READERS
from tracker.store.audit import AuditEntry
from tracker.store.deliveries import LoggedDelivery
from tracker.submission import LABEL_NAME, MAX_LABEL, MAX_LABELS, InpaintRequest, TrackRequest

REF = "#/components/schemas/"

Schema = dict[str, Any]


class JobPage(Wire):
    """A page of jobs, newest first."""

    jobs: list[Job]
    next_cursor: str | None
    has_more: bool


class EventPage(Wire):
    """A page of a job's history, oldest first."""

    events: list[HistoryEntry]
    next_cursor: str | None
    has_more: bool


class DeliveryPage(Wire):
    """A page of the log of deliveries, newest first."""

    deliveries: list[LoggedDelivery]
    next_cursor: str | None
    has_more: bool


class QuarantinePage(Wire):
    """A page of the quarantine, newest first."""

    entries: list[QuarantinedDelivery]
    next_cursor: str | None
    has_more: bool


class AuditPage(Wire):
    """A page of what operators did, newest first."""

    entries: list[AuditEntry]
    next_cursor: str | None
    has_more: bool


class Receipt(Wire):
    """What became of a delivery."""

    job_id: str | None
    outcome: Outcome


class StreamEvent(Wire):
    """A server-sent event."""

    id: str = ""
    event: Literal["job", "gap", "dropped"]
    data: str


class Health(Wire):
    status: Literal["ok"]


class Readiness(Wire):
    status: Literal["ready"]
    instance: str


class Problem(Wire):
    """An error, as RFC 9457 has it."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str


class FieldProblem(Problem):
    """Fields or parameters are at fault. Nothing of the request was held."""

    errors: dict[str, list[str]]


ASKED: tuple[type[BaseModel], ...] = (InpaintRequest, TrackRequest, Reason, BulkRequest)
ANSWERED: tuple[type[BaseModel], ...] = (
    JobPage,
    EventPage,
    Receipt,
    DeliveryPage,
    QuarantinePage,
    AuditPage,
    BulkResult,
    QueueState,
    Stats,
    StreamEvent,
    Health,
    Readiness,
    FieldProblem,
    Problem,
)

_UUID = {"format": "uuid"}
LABEL_PART = rf"^label\.{LABEL_NAME.removesuffix('+')}{{1,{MAX_LABEL}}}$"
"""A part of a form, or a parameter, that is one label."""
_DIGEST = {"pattern": "^[0-9a-f]{64}$"}
_PIXELS = {"minimum": MIN_SIDE, "maximum": MAX_SIDE}
_FORMATS = ", ".join(sorted(reader.format or "" for reader in READERS.values()))
_COUNT = {"minimum": 0}
_CURSOR = "Send it as `cursor` for the next page, with the same filters; null on the last one."

PARTS: dict[str, dict[str, Schema]] = {
    "Job": {
        "id": {"description": "Ours, a UUID of version 7: ids sort by time.", **_UUID},
        "upstreamJobId": {"description": "Apiframe's, once it has accepted the job.", **_UUID},
        "action": {"description": "`inpaint`; of a tracked job whatever it is at Apiframe, null until that is known."},
        "owner": {"description": "Name of the key that submitted or tracked it; `external` for nobody's."},
        "status": {"description": "Only moves forward."},
        "progress": {"description": "Percent. Only grows while the job is processed.", "minimum": 0, "maximum": 100},
        "parentJobId": {"description": "Apiframe's id of the upsample that is repainted."},
        "prompt": {"description": "Null: the parent's is used."},
        "labels": {"description": "The caller's own, to find the job again."},
        "mask": {"description": "Facts about the mask, which itself is never returned. Null for a tracked job."},
        "result": {"description": "Where the images lie. Set on `COMPLETED`."},
        "resultExpiresAt": {"description": "Apiframe may delete the images after this."},
        "error": {"description": "Why it failed. Set on `FAILED`."},
        "creditCost": {"description": "What Apiframe charged.", "minimum": 0},
        "settledBy": {"description": "How the end became known; `poll`: a lost webhook. Null if a caller cancelled."},
        "createdAt": {"description": "When it was taken."},
        "submittedAt": {"description": "When the attempt was sent that Apiframe accepted."},
        "startedAt": {"description": "The first sign that it is processed."},
        "completedAt": {"description": "Set in every final state."},
        "updatedAt": {"description": "The last change."},
        "links": {"description": "Addresses of the job, its history and its stream."},
    },
    "MaskFacts": {
        "sha256": {"description": "Of the file's bytes, decoded from base64.", **_DIGEST},
        "width": {"description": "Pixels.", **_PIXELS},
        "height": {"description": "Pixels.", **_PIXELS},
        "coverage": {"description": "Share of the picture that is white.", "minimum": 0, "maximum": 1},
    },
    "Result": {
        "images": {"description": "Addresses of the images: four for an inpaint."},
        "gridUrl": {"description": "All of them in one picture."},
    },
    "Failure": {
        "code": {"description": "For programs."},
        "message": {"description": "For people; upstream's own words where there are any."},
    },
    "HistoryEntry": {
        "seq": {"description": "Counts from 1; gaps where a very long history was cut.", "minimum": 1},
        "at": {"description": "When it was learned."},
        "source": {"description": "Who brought the news."},
        "type": {"description": "What kind of news it was."},
        "status": {"description": "The job's, after the entry."},
        "progress": {"description": "The job's, after the entry.", "minimum": 0, "maximum": 100},
        "outcome": {"description": "What became of the news."},
        "detail": {"description": "What else is worth knowing; left out where there is nothing."},
    },
    "JobPage": {
        "jobs": {"description": "At most `limit`."},
        "nextCursor": {"description": _CURSOR},
        "hasMore": {"description": "Whether there is a next page."},
    },
    "EventPage": {
        "events": {"description": "At most `limit`."},
        "nextCursor": {"description": _CURSOR},
        "hasMore": {"description": "Whether there is a next page."},
    },
    "Receipt": {
        "jobId": {"description": "Ours. Null where nothing readable named a job.", **_UUID},
        "outcome": {"description": "What became of it."},
    },
    "LoggedDelivery": {
        "at": {"description": "When it came."},
        "outcome": {"description": "What became of it; null where it was refused."},
        "cause": {"description": "Why it was refused; null where it was taken."},
        "jobId": {"description": "Ours. Of one that was refused, what its address named: no proof.", **_UUID},
        "event": {"description": "As a genuine body has it, known or not."},
        "bytes": {"description": "Of its body; null where it was too large and did not say how large.", "minimum": 0},
        "secretForm": {"description": "How the signing key was read; null where the signature was not found genuine."},
        "ms": {"description": "From its arrival to its acknowledgement, milliseconds.", "minimum": 0},
    },
    "DeliveryPage": {
        "deliveries": {"description": "At most `limit`."},
        "nextCursor": {"description": _CURSOR},
        "hasMore": {"description": "Whether there is a next page."},
    },
    "QuarantinedDelivery": {
        "id": {"description": "Names it when it is replayed or deleted."},
        "at": {"description": "When it came."},
        "jobId": {"description": "What its address named. Null where it named no job.", **_UUID},
        "why": {"description": "What kept it from being read when it came."},
        "bytes": {"description": "Of the body as it came.", "minimum": 0},
        "encoding": {"description": "How `body` stands here: as text, or in base64 where it is no UTF-8."},
        "body": {"description": "The whole body."},
    },
    "QuarantinePage": {
        "entries": {"description": "At most `limit`; fewer where bodies are large."},
        "nextCursor": {"description": _CURSOR},
        "hasMore": {"description": "Whether there is a next page."},
    },
    "AuditEntry": {
        "id": {"description": "Of the entry.", **_UUID},
        "at": {"description": "When it was done."},
        "by": {"description": "Name of the operator's key."},
        "action": {"description": "What was done; the parameter `action` has the words.", "pattern": r"^[a-z.-]+$"},
        "jobId": {"description": "Ours; null where it was done to no single job.", **_UUID},
        "details": {"description": "What else is worth knowing of this action."},
    },
    "AuditPage": {
        "entries": {"description": "At most `limit`."},
        "nextCursor": {"description": _CURSOR},
        "hasMore": {"description": "Whether there is a next page."},
    },
    "Reason": {"reason": {"description": "For the other operators."}},
    "QueueState": {"paused": {"description": "Why nothing is submitted just now; null where jobs are submitted."}},
    "Pause": {
        "cause": {"description": "`operator`, or what is wrong with the account at Apiframe."},
        "reason": {"description": "For people."},
        "since": {"description": "When it began."},
        "by": {"description": "Name of the operator's key; null where the account's state paused."},
        "credits": {"description": "How many are needed to go on, where they are short.", "minimum": 0},
    },
    "StreamEvent": {
        "id": {"description": "Send it back as `Last-Event-ID`. Only events about a job have one."},
        "event": {"description": "A job; or a word: changes are missing, or you did not keep up."},
        "data": {"description": "A `Job` as JSON; of a word, an object with a `detail` for people."},
    },
    "Hold": {
        "reason": {"description": "For people."},
        "seconds": {"description": "Until it ends by itself.", "minimum": 0},
    },
    "Stats": {
        "at": {"description": "When it was so."},
        "jobs": {"description": "How many there are, by status."},
        "inFlight": {"description": "Submitted by us, and not yet ended by Apiframe.", **_COUNT},
        "maxInFlight": {"description": "How many may be in flight, over all owners.", **_COUNT},
        "oldestInFlightAt": {"description": "Since when; null where none is, or the key does not see everybody's."},
        "queueDepth": {"description": "Pending, and waiting for a slot.", **_COUNT},
        "queueDepthByOwner": {"description": "Owners for whom any waits."},
        "webhooksPerMinute": {"description": "By outcome, in the last whole minute."},
        "webhooksByMinute": {"description": "The last hour, oldest first; the last minute has only begun."},
        "lostWebhooks": {"description": "Of the last hour."},
        "timeToComplete": {"description": "Of the last 24 h."},
        "creditsSpent": {"description": "As Apiframe told of each job's cost; days are UTC."},
        "paused": {"description": "Why nothing is submitted until somebody, or the account, resumes; null otherwise."},
        "held": {"description": "Why nothing is submitted for some seconds; null otherwise."},
    },
    "MinuteOfWebhooks": {
        "at": {"description": "When the minute begins."},
        "outcomes": {"description": "Webhooks by outcome."},
    },
    "LostWebhooks": {
        "lastHour": {"description": "Ends that a lookup found though a webhook was due.", **_COUNT},
        "due": {"description": "Ends whose webhook was due.", **_COUNT},
        "rate": {"description": "Their ratio; null where none was due.", "minimum": 0, "maximum": 1},
    },
    "TimeToComplete": {
        "jobs": {"description": "How many were completed.", **_COUNT},
        **{name: {"description": "Seconds from creation; null if there are none."} for name in ("p50", "p95", "p99")},
    },
    "CreditsSpent": {
        "today": {"description": "Since midnight."},
        "last30Days": {"description": "Today included."},
        "byDay": {"description": "The last 30 days, oldest first."},
    },
    "DayOfCredits": {
        "day": {"description": "UTC."},
        "credits": {"description": "Spent, less what was given back."},
    },
    "Health": {"status": {"description": "One word."}},
    "Readiness": {
        "status": {"description": "One word."},
        "instance": {"description": "The same for every process on one Redis; `doctor` knows the installation by it."},
    },
    "Problem": {
        "type": {"description": "Leads to its paragraph; ends in a word for programs.", "pattern": f"^{TYPE}[a-z-]+$"},
        "title": {"description": "The same for every problem of this type."},
        "status": {"description": "The HTTP status.", "minimum": 400, "maximum": 599},
        "detail": {"description": "What is wrong here, and what to do."},
        "requestId": {"description": "As in `X-Request-ID`; the service's log has it too."},
    },
    "FieldProblem": {
        "errors": {"description": "Messages by field, parameter or header, as it was sent."},
    },
    "InpaintRequest": {
        "action": {"description": "May be there, so that a body written for Apiframe can be pasted."},
        "parentJobId": {"description": "Id of a finished **upsample** at Apiframe.", **_UUID},
        "mask": {
            "description": f"The mask in base64, a `data:` prefix and line breaks allowed: {_FORMATS}, black and "
            f"white, as large as the parent's image; white is repainted. At most {MAX_BYTES:,} bytes, sides of "
            f"{MIN_SIDE} to {MAX_SIDE:,} pixels.",
            "contentEncoding": "base64",
            "maxLength": MAX_CHARS,
            "minLength": 1,
        },
        "prompt": {"description": "What to paint; without it, the parent's prompt is used."},
        "labels": {"description": "Your own, to find the job again.", "maxProperties": MAX_LABELS},
    },
    "TrackRequest": {
        "upstreamJobId": {"description": "Apiframe's id of the job.", **_UUID},
        "labels": {"description": "Your own, to find the job again.", "maxProperties": MAX_LABELS},
    },
    "JobFilter": {
        "status": {"description": "Any of these."},
        "owner": {"description": "Name of a key; `external` for nobody's."},
        "parentJobId": {"description": "Apiframe's id of the upsample.", **_UUID},
        "labels": {"description": "Labels that a job must have, each of them.", "maxProperties": MAX_LABELS},
        "createdAfter": {"description": "Later than this."},
        "createdBefore": {"description": "Earlier than this."},
    },
    "BulkRequest": {
        "action": {"description": "What to do."},
        "ids": {"description": "To these jobs, by ids of ours or Apiframe's."},
        "filter": {"description": "To all jobs for which every part of it holds; `{}` means every job."},
        "dryRun": {"description": "Do nothing, and tell what would be done."},
    },
    "BulkResult": {
        "action": {"description": "As it was asked for."},
        "dryRun": {"description": "Whether nothing was done."},
        "matched": {"description": "Jobs that were found.", "minimum": 0, "maximum": MAX_JOBS},
        "touched": {"description": "Jobs that were, or would be, touched.", "minimum": 0, "maximum": MAX_JOBS},
        "refused": {"description": f"Jobs that were not; {MAX_LISTED} of them at most.", "maxItems": MAX_LISTED},
        "refusedCount": {"description": "How many were not, ids of no job included.", "minimum": 0},
        "more": {"description": "Whether the filter wants other jobs besides."},
    },
    "BulkRefusal": {
        "id": {"description": "Ours, or as it was sent where it is no job's."},
        "reason": {"description": "For people."},
    },
}  # fmt: skip
"""Every property has its words here, and what holds for it beyond its type. A test sees to it."""

DELIVERY: Schema = {
    "description": "Apiframe's delivery. Read tolerantly: a signed body that cannot be understood is kept for a person "
    "(`quarantined`) and answered like any other, since sending it again would not help.",
    "properties": {
        "event": {"description": "`progress`, `completed` or `failed`."},
        "jobId": {"description": "Apiframe's id of the job."},
        "status": {"description": "Trusted over `event`."},
        "progress": {"description": "Percent."},
        "result": {"description": "Addresses of the images: an object with `images` and `gridUrl`, or one address."},
        "error": {"description": "Why it failed."},
        "creditCost": {"description": "What Apiframe charged."},
        "completedAt": {"description": "When it ended."},
    },
}


class _Generator(GenerateJsonSchema):
    """Without the titles that pydantic makes of names."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def schemas() -> dict[str, Schema]:
    """By name, in alphabetical order."""
    made = {**_made(ASKED, "validation"), **_made(ANSWERED, "serialization")}
    for schema in made.values():
        schema["properties"] = {name: _plain(part) for name, part in schema.get("properties", {}).items()}
    for name, parts in PARTS.items():
        for part, more in parts.items():
            made[name]["properties"][part] |= more
    made["BulkRequest"]["oneOf"] = [{"required": [one]} for one in ("ids", "filter")]
    _inherit(made["FieldProblem"], made["Problem"])
    made["Problem"]["properties"]["type"]["examples"] = [f"{TYPE}{TrackerError.code}"]
    return dict(sorted({**made, "InpaintForm": _form(made["InpaintRequest"]), "Delivery": DELIVERY}.items()))


def _made(models: tuple[type[BaseModel], ...], mode: JsonSchemaMode) -> dict[str, Schema]:
    _, found = models_json_schema(
        [(model, mode) for model in models], ref_template=f"{REF}{{model}}", schema_generator=_Generator
    )
    made: dict[str, Schema] = found["$defs"]
    if mode == "serialization":
        for schema in made.values():
            _complete(schema)
    return made


def _complete(schema: Schema) -> None:
    """Answers leave no field out but a history entry's `detail`, and so have no defaults."""
    for part in schema.get("properties", {}).values():
        part.pop("default", None)
    if "properties" in schema:
        schema["required"] = [name for name in schema["properties"] if name != "detail"]


def _plain(part: Schema) -> Schema:
    """A type or null as `type: [..., null]`; names of labels as they are checked."""
    match part:
        case {"anyOf": [{"type": str(kind)} as some, {"type": "null"}]}:
            others = {key: value for key, value in part.items() if key != "anyOf"}
            words = {"enum": [*some["enum"], None]} if "enum" in some else {}
            return {**others, **some, **words, "type": [kind, "null"]}
        case {"propertyNames": dict(names)}:
            return {**part, "propertyNames": {"type": "string", **names, "pattern": f"^{LABEL_NAME}$"}}
    return part


def _inherit(schema: Schema, base: Schema) -> None:
    schema["properties"] = {**base["properties"], "errors": schema["properties"]["errors"]}


def _form(request: Schema) -> Schema:
    """The fields of JSON as parts of a form: the mask as a file, labels also one by one."""
    parts = {name: dict(part) for name, part in request["properties"].items()}
    label = parts["labels"]["additionalProperties"]
    parts["mask"] = {
        "type": "string",
        "format": "binary",
        "description": f"The file: {_FORMATS}, at most {MAX_BYTES:,} bytes. Without a file name, base64 is expected.",
    }
    parts["prompt"] = {**parts["prompt"], "type": "string"}
    for part in parts.values():
        part.pop("default", None)
    return {
        "title": "InpaintForm",
        "description": "The same as a form, as in `curl -F parentJobId=ID -F mask=@mask.png -F label.order=8821`. "
        f"Labels: a JSON object, or a part `label.NAME` each; {MAX_LABELS} in all.",
        "type": "object",
        "properties": parts,
        "patternProperties": {LABEL_PART: label},
        "required": request["required"],
        "additionalProperties": False,
    }

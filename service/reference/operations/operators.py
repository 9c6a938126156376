"""How it goes, and what operators do to jobs and to the queue."""

from service import audit
from service.reference import samples
from service.reference.operation import JSON, Answer, Media, Operation, page
from service.reference.refusals import WITH_BODY

OPERATIONS: dict[str, Operation] = {
    "POST /v1/jobs/actions": Operation(
        "actOnJobs",
        "Operations",
        {200: Answer("What was done, or would be.", {JSON: Media("BulkResult", {"dry run": samples.BULK_RESULT})})},
        (),
        {JSON: Media("BulkRequest", {"by filter": samples.BULK, "by id": samples.BULK_BY_ID})},
        WITH_BODY,
    ),
    "GET /v1/stats": Operation(
        "getStats", "Operations", {200: Answer("As it is now.", {JSON: Media("Stats", {"some": samples.STATS})})}
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
    "GET /v1/audit": Operation(
        "listAudit", "Operations", {200: page("AuditPage", "entries", samples.AUDIT)}, audit.LIST_QUERY
    ),
}

"""One action on many jobs."""

from service.bulk import MAX_JOBS, MAX_LISTED, BulkResult
from service.reference.schemas.words import UUID, Parts
from service.selection import BulkRequest
from tracker.submission import MAX_LABELS

ASKED = (BulkRequest,)
ANSWERED = (BulkResult,)
ONE_OF = [{"required": [one]} for one in ("ids", "filter")]
PARTS: Parts = {
    "JobFilter": {
        "status": {"description": "Any of these."},
        "owner": {"description": "Name of a key; `external` for nobody's."},
        "parentJobId": {"description": "Apiframe's id of the upsample.", **UUID},
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
}

"""Apiframe's deliveries, what became of them, and the quarantine."""

from service.deliveries import QuarantinedDelivery
from service.reference.schemas.words import UUID, Parts, Schema, page
from tracker.job import Outcome, Wire
from tracker.store.deliveries import LoggedDelivery


class Receipt(Wire):
    """What became of a delivery."""

    job_id: str | None
    outcome: Outcome


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


ANSWERED = (Receipt, DeliveryPage, QuarantinePage)
PARTS: Parts = {
    "Receipt": {
        "jobId": {"description": "Ours. Null where nothing readable named a job.", **UUID},
        "outcome": {"description": "What became of it."},
    },
    "LoggedDelivery": {
        "at": {"description": "When it came."},
        "outcome": {"description": "What became of it; null where it was refused."},
        "cause": {"description": "Why it was refused; null where it was taken."},
        "jobId": {"description": "Ours. Of one that was refused, what its address named: no proof.", **UUID},
        "event": {"description": "As a genuine body has it, known or not."},
        "bytes": {"description": "Of its body; null where it was too large and did not say how large.", "minimum": 0},
        "secretForm": {"description": "How the signing key was read; null where the signature was not found genuine."},
        "ms": {"description": "From its arrival to its acknowledgement, milliseconds.", "minimum": 0},
    },
    "DeliveryPage": page("deliveries"),
    "QuarantinedDelivery": {
        "id": {"description": "Names it when it is replayed or deleted."},
        "at": {"description": "When it came."},
        "jobId": {"description": "What its address named. Null where it named no job.", **UUID},
        "why": {"description": "What kept it from being read when it came."},
        "bytes": {"description": "Of the body as it came.", "minimum": 0},
        "encoding": {"description": "How `body` stands here: as text, or in base64 where it is no UTF-8."},
        "body": {"description": "The whole body."},
    },
    "QuarantinePage": page("entries", "At most `limit`; fewer where bodies are large."),
}

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

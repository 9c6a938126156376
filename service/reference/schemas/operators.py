"""What operators did, and whether jobs are submitted."""

from service.operators import QueueState, Reason
from service.reference.schemas.words import UUID, Parts, page
from tracker.job import Wire
from tracker.store.audit import AuditEntry


class AuditPage(Wire):
    """A page of what operators did, newest first."""

    entries: list[AuditEntry]
    next_cursor: str | None
    has_more: bool


ASKED = (Reason,)
ANSWERED = (AuditPage, QueueState)
PARTS: Parts = {
    "AuditEntry": {
        "id": {"description": "Of the entry.", **UUID},
        "at": {"description": "When it was done."},
        "by": {"description": "Name of the operator's key."},
        "action": {"description": "What was done; the parameter `action` has the words.", "pattern": r"^[a-z.-]+$"},
        "jobId": {"description": "Ours; null where it was done to no single job.", **UUID},
        "details": {"description": "What else is worth knowing of this action."},
    },
    "AuditPage": page("entries"),
    "Reason": {"reason": {"description": "For the other operators."}},
    "QueueState": {"paused": {"description": "Why nothing is submitted just now; null where jobs are submitted."}},
    "Pause": {
        "cause": {"description": "`operator`, or what is wrong with the account at Apiframe."},
        "reason": {"description": "For people."},
        "since": {"description": "When it began."},
        "by": {"description": "Name of the operator's key; null where the account's state paused."},
        "credits": {"description": "How many are needed to go on, where they are short.", "minimum": 0},
    },
    "Hold": {
        "reason": {"description": "For people."},
        "seconds": {"description": "Until it ends by itself.", "minimum": 0},
    },
}

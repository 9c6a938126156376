"""A job, its history, and changes as they happen."""

from typing import Literal

from service.reference.schemas.words import UUID, Parts, page
from tracker.job import HistoryEntry, Job, Wire
from tracker.masks import MAX_SIDE, MIN_SIDE

_DIGEST = {"pattern": "^[0-9a-f]{64}$"}
_PIXELS = {"minimum": MIN_SIDE, "maximum": MAX_SIDE}


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


class StreamEvent(Wire):
    """A server-sent event."""

    id: str = ""
    event: Literal["job", "gap", "dropped"]
    data: str


ANSWERED = (JobPage, EventPage, StreamEvent)
PARTS: Parts = {
    "Job": {
        "id": {"description": "Ours, a UUID of version 7: ids sort by time.", **UUID},
        "upstreamJobId": {"description": "Apiframe's, once it has accepted the job.", **UUID},
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
    "JobPage": page("jobs"),
    "EventPage": page("events"),
    "StreamEvent": {
        "id": {"description": "Send it back as `Last-Event-ID`. Only events about a job have one."},
        "event": {"description": "A job; or a word: changes are missing, or you did not keep up."},
        "data": {"description": "A `Job` as JSON; of a word, an object with a `detail` for people."},
    },
}

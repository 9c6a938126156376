"""What traces are asked for, whether or not there are any; these are off, and make nothing.

What is on is in `tracker/spans.py`, the only module that knows OpenTelemetry; `tracker/telemetry.py` decides.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import Literal

from tracker.ids import made_at
from tracker.job import FINAL, Status
from tracker.trail import Trail

Kind = Literal["server", "client", "consumer", "internal"]
Attributes = Mapping[str, str | int | bool]
"""By OpenTelemetry's names where it has them; ours begin with `inpaint.`. No key, mask, prompt or signature."""
JOB_ID, JOB_STATUS, OUTCOME, ATTEMPT = "inpaint.job.id", "inpaint.job.status", "inpaint.outcome", "inpaint.attempt"
RESULT, EVENT, REPLAYED, ERROR = "inpaint.result", "inpaint.webhook.event", "inpaint.replayed", "error.type"
METHOD, ROUTE, STATUS_CODE = "http.request.method", "http.route", "http.response.status_code"


class Span:
    """One that is under way; this one is nobody's. `trail` is for what comes of it."""

    def __init__(self, trail: Trail) -> None:
        self.trail = trail

    def note(self, told: "Attributes") -> None:
        """More about it."""

    def fail(self, why: str) -> None:
        """It came to no good; `why` is a word, and nothing that was sent or received."""


class Tracing:
    """Off: a trail is passed on as it came."""

    on = False

    def span(
        self, name: str, kind: Kind, trail: Trail, told: Attributes, *, begins: bool = False
    ) -> AbstractContextManager[Span]:
        """Around something that belongs to a trail. It is none where that has no trace, unless it `begins` one."""
        return _unseen(trail)

    def past(self, name: str, kind: Kind, trail: Trail, start: datetime, end: datetime, told: Attributes) -> None:
        """A span of something that is over."""

    def moved(self, trail: Trail, job_id: str, before: str, status: str, at: datetime) -> None:
        """A job has come to its end, where that is what has happened: a span of all its life."""
        if self.on and status in FINAL and before not in FINAL:
            failed = {ERROR: status} if status == Status.FAILED else {}
            self.past("job", "internal", trail, made_at(job_id), at, {JOB_ID: job_id, JOB_STATUS: status, **failed})

    def close(self) -> None:
        """Sends what is left, if that can be done in a second."""


OFF = Tracing()


@contextmanager
def _unseen(trail: Trail) -> Iterator[Span]:
    yield Span(trail)

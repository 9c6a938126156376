"""Traces, off unless OpenTelemetry's own variables ask for them: then nothing of it is imported, and nothing is made.

`begin` decides. What is on is in `tracker/spans.py`, the only module that knows OpenTelemetry.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import Literal

import structlog

from tracker.ids import made_at
from tracker.job import FINAL, Status
from tracker.trail import Trail

Kind = Literal["server", "client", "consumer", "internal"]
Attributes = Mapping[str, str | int | bool]
"""By OpenTelemetry's names where it has them; ours begin with `inpaint.`. No key, mask, prompt or signature."""
JOB_ID, JOB_STATUS, OUTCOME, ATTEMPT = "inpaint.job.id", "inpaint.job.status", "inpaint.outcome", "inpaint.attempt"
RESULT, EVENT, REPLAYED, ERROR = "inpaint.result", "inpaint.webhook.event", "inpaint.replayed", "error.type"
METHOD, ROUTE, STATUS_CODE = "http.request.method", "http.route", "http.response.status_code"
ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
EXPORTER, PROTOCOL = "OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_PROTOCOL"
SPOKEN = "http/protobuf"
log = structlog.get_logger()


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


def begin(process: str, environ: Mapping[str, str]) -> Tracing:
    """`process` is what spans call it, unless OTEL_SERVICE_NAME says otherwise. Never raises: what is wrong with the
    variables is told in a line, and nothing is traced."""
    if not _wanted(environ):
        return OFF
    try:
        from tracker.spans import OpenTelemetry

        return OpenTelemetry(process)
    except Exception as error:  # noqa: BLE001  whatever a variable has led to: no webhook is to be lost by it
        log.error("nothing is traced", reason=f"{type(error).__name__}: {error}")
        return OFF


def _wanted(environ: Mapping[str, str]) -> bool:
    """An address to send to, or an exporter, is set, and nothing speaks against it."""
    exporters = [one.strip().lower() for one in environ.get(EXPORTER, "").split(",") if one.strip()]
    asked = bool(exporters) or any(environ.get(name, "").strip() for name in ENDPOINTS)
    if not asked or exporters == ["none"] or environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    if exporters and "otlp" not in exporters:
        log.warning("nothing is traced", reason=f"{EXPORTER} must be otlp or none: there is no other exporter here.")
        return False
    protocol = environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "") or environ.get(PROTOCOL, "") or SPOKEN
    if protocol.strip().lower() != SPOKEN:
        log.warning("nothing is traced", reason=f"{PROTOCOL} must be {SPOKEN}: nothing else is spoken here.")
        return False
    return True

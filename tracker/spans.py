"""Traces that are on: spans are made here, and sent by a thread in the background, as OTLP over HTTP.

Nothing waits for it. What cannot be sent, or is too much, is dropped.
"""

import logging
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from importlib.metadata import version

import structlog
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)
from opentelemetry.trace import Span as OpenTelemetrySpan

from tracker.errors import TrackerError
from tracker.tracing import ERROR, STATUS_CODE, Attributes, Kind, Span, Tracing
from tracker.trail import Trail

GOODBYE_SECONDS = 1.0
EACH_LINE_SECONDS = 60.0
DISTRIBUTION = "inpaint-tracker"
_KINDS: dict[Kind, SpanKind] = {
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
    "consumer": SpanKind.CONSUMER,
    "internal": SpanKind.INTERNAL,
}
log = structlog.get_logger()


class OpenTelemetry(Tracing):
    """By the variables that OpenTelemetry's SDK reads itself: address, headers, sampler, sizes, resource."""

    on = True

    def __init__(self, process: str) -> None:
        logging.getLogger("opentelemetry.util").setLevel(logging.CRITICAL)  # would show headers that it cannot read
        named = {} if os.environ.get("OTEL_SERVICE_NAME") else {SERVICE_NAME: f"{DISTRIBUTION}-{process}"}
        about = Resource.create({**named, SERVICE_VERSION: version(DISTRIBUTION)})
        self._provider = TracerProvider(resource=about, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(Telling(OTLPSpanExporter())))
        self._tracer = self._provider.get_tracer(DISTRIBUTION, version(DISTRIBUTION))
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # from here on we say it, once in a while

    @contextmanager
    def span(self, name: str, kind: Kind, trail: Trail, told: Attributes, *, begins: bool = False) -> Iterator[Span]:
        if not (begins or trail.traceparent):
            yield Span(trail)
            return
        made = self._tracer.start_span(name, _context(trail), _KINDS[kind], told)
        span = UnderWay(trail, made)
        try:
            yield span
        except Exception as error:
            span.raised(error)
            raise
        finally:
            made.end()

    def past(self, name: str, kind: Kind, trail: Trail, start: datetime, end: datetime, told: Attributes) -> None:
        if trail.traceparent:
            began = _ns(start)
            span = self._tracer.start_span(name, _context(trail), _KINDS[kind], told, start_time=began)
            if ERROR in told:
                span.set_status(Status(StatusCode.ERROR))
            span.end(max(began, _ns(end)))

    def close(self) -> None:
        """By a thread that nobody waits for any longer: its last request may take ten seconds, a stop may not."""
        last = threading.Thread(target=self._provider.shutdown, name="last spans", daemon=True)
        last.start()
        last.join(GOODBYE_SECONDS)


class UnderWay(Span):
    def __init__(self, trail: Trail, span: OpenTelemetrySpan) -> None:
        self._span = span
        context = span.get_span_context()
        sampled = context.trace_flags & TraceFlags.SAMPLED
        ours = f"00-{context.trace_id:032x}-{context.span_id:016x}-01" if sampled else trail.traceparent
        super().__init__(Trail.of(trail.request_id, ours))

    def note(self, told: Attributes) -> None:
        self._span.set_attributes(told)

    def fail(self, why: str) -> None:
        self.note({ERROR: why})
        self._span.set_status(Status(StatusCode.ERROR))

    def raised(self, error: Exception) -> None:
        """The kind of the error alone: its text may hold what a caller has sent. What a caller got wrong is no failure
        of ours (OpenTelemetry's conventions for HTTP)."""
        if isinstance(error, TrackerError):
            self.note({STATUS_CODE: error.status})
        if not isinstance(error, TrackerError) or error.status >= 500:
            self.fail(type(error).__name__)


class Telling(SpanExporter):
    """Sends by another exporter, and tells once in a while what could not be sent."""

    def __init__(self, inner: SpanExporter) -> None:
        self._inner = inner
        self._lost, self._said = 0, float("-inf")

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._inner.export(spans)
        if result is not SpanExportResult.SUCCESS:
            self._tell(len(spans))
        return result

    def _tell(self, lost: int) -> None:
        self._lost += lost
        if time.monotonic() - self._said >= EACH_LINE_SECONDS:
            log.warning("traces cannot be sent", spans=self._lost)
            self._lost, self._said = 0, time.monotonic()

    def shutdown(self) -> None:
        self._inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._inner.force_flush(timeout_millis)


def _context(trail: Trail) -> Context:
    """Whose child a span is; of nobody, it begins a trace."""
    if not (parent := trail.traceparent):
        return Context()
    _, trace_id, span_id, flags = parent.split("-")
    context = SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))
    return set_span_in_context(NonRecordingSpan(context), Context())


def _ns(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000) * 1_000

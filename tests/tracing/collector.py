"""A collector of traces: a real HTTP server that takes OTLP as protobuf, as an OpenTelemetry Collector does."""

import asyncio
import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

KINDS = {1: "internal", 2: "server", 3: "client", 4: "producer", 5: "consumer"}
FAILED = 2


@dataclass(frozen=True)
class Seen:
    """A span that came. `start` and `end` in nanoseconds."""

    process: str
    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    start: int
    end: int
    failed: bool
    told: dict[str, Any]


@dataclass
class Collector:
    url: str = ""
    spans: list[Seen] = field(default_factory=list)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    answer: int = 200
    """The status of each answer."""
    silent: threading.Event = field(default_factory=threading.Event)
    """Set: no request is answered until it is cleared, or the test is over."""

    def take(self, body: bytes) -> None:
        """Raises what protobuf raises for anything else than a request of OTLP."""
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            process = _told(resource.resource.attributes)["service.name"]
            self.spans += [_seen(process, span) for scope in resource.scope_spans for span in scope.spans]

    async def until(self, name: str, times: int = 1) -> None:
        while len(self.named(name)) < times:
            await asyncio.sleep(0.02)

    def named(self, name: str) -> list[Seen]:
        return [span for span in self.spans if span.name == name]

    def only(self, name: str) -> Seen:
        [span] = self.named(name)
        return span


def _seen(process: str, span: Any) -> Seen:
    ids = span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex()
    times = span.start_time_unix_nano, span.end_time_unix_nano
    return Seen(process, span.name, KINDS[span.kind], *ids, *times, span.status.code == FAILED, _told(span.attributes))


def _told(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


@contextmanager
def collecting() -> Iterator[Collector]:
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            collector.requests.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            while collector.silent.is_set():
                over.wait(0.02)
            if collector.answer == 200:
                collector.take(gzip.decompress(body) if self.headers["Content-Encoding"] == "gzip" else body)
            self.send_response(collector.answer)
            self.send_header("Content-Type", "application/x-protobuf")
            self.end_headers()
            self.wfile.write(ExportTraceServiceResponse().SerializeToString())

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  named by http.server
            """Nothing."""

    over, server = threading.Event(), ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    collector.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield collector
    finally:
        collector.silent.clear()
        over.set()
        server.shutdown()
        server.server_close()
        thread.join()

"""A connection to our service: a request's head comes in time and is of a sane size, or the connection is closed.

uvicorn sees to neither: it waits for ever for a head, and holds whatever belongs to one. It would also take the
trailers of a chunked body for headers. What may go the short way (`service.short`) is offered to it, and is
uvicorn's wherever that does not take it.
"""

import asyncio
import logging
import uuid
from asyncio import TimerHandle
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from service.failures import EACH_LINE_SECONDS, LINES, Throttle
from service.problems import problem
from service.short.way import BEGINNINGS, ShortWay
from tracker.errors import BadRequest, HeadersTooLarge, TooSlow, TrackerError

CLOSE = b"connection: close\r\n"
MAX_IDLE_BYTES = 64 * 1024
"""Bytes in a row of which nothing is a body's or ends a head: a head, trailers, extensions of chunks, empty lines."""


class Connection(HttpToolsProtocol):
    seconds: ClassVar[float]
    """For a head to come, and for the rest of a body that was answered before it was there."""

    _running: "RequestResponseCycle | Brief | None" = None
    """What is being answered; uvicorn's `cycle` is the last that was read, and others may wait before it."""
    _timer: TimerHandle | None = None
    _idle_bytes = 0
    _in_head = False
    _in_message = False
    _idle_since = 0.0
    _host = ""
    _shortway: ShortWay | None = None
    """Of our service; other applications have none."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn narrows it
        super().connection_made(transport)
        self._host = self.client[0] if self.client else ""
        self._shortway = None if self.root_path else self.app_state.get("shortway")
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)
        self._let_go()

    def data_received(self, data: bytes) -> None:
        if data.startswith(BEGINNINGS) and self._went_the_short_way(data):
            return
        self._idle_bytes += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            self._stop_waiting()
        elif self._idle_bytes > MAX_IDLE_BYTES:
            self._refuse(HeadersTooLarge("This is more than any request needs before its body."))
        elif self._answering:
            self._stop_waiting()
        else:
            self._wait()

    def _went_the_short_way(self, data: bytes) -> bool:
        """Of a connection that does nothing else, whose other end reads what it is answered."""
        if self._shortway is None or self._in_message or self._answering or self.pipeline or self.flow.write_paused:
            return False
        brief = Brief(self)
        if not self._shortway.take(data, brief.answer, self._host):
            return False
        if self._timer:
            self._stop_waiting()
        if not brief.response_complete:
            self.cycle = self._running = brief  # type: ignore[assignment]  # in a cycle's place, see Brief
        return True

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = self._in_message = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """A trailer is none: whoever checked the headers has not seen it (RFC 9110, 6.5.1)."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head, self._idle_bytes = False, 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._idle_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_message = False
        super().on_message_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def send_400_response(self, msg: str) -> None:
        self._refuse(BadRequest(msg))

    @property
    def _answering(self) -> "RequestResponseCycle | Brief | None":
        return self._running if self._running and not self._running.response_complete else None

    def on_brief_complete(self) -> None:
        """As `on_response_complete`, but one timer sees to many requests: to set one for each costs as much as to
        read it."""
        if self.pipeline:
            self.on_response_complete()
            return
        self.server_state.total_requests += 1
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._keep_alive(self.timeout_keep_alive)

    def timeout_keep_alive_handler(self) -> None:
        self.timeout_keep_alive_task = None
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if self._answering or left > 0:
            self._keep_alive(max(left, 1.0))
        else:
            super().timeout_keep_alive_handler()

    def _keep_alive(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def _let_go(self) -> None:
        """What is still being answered is answered to nobody: nothing can be written to a closed connection."""
        if running := self._answering:
            running.disconnected = True
            running.message_event.set()

    def _wait(self) -> None:
        self._timer = self._timer or self.loop.call_later(self.seconds, self._late)

    def _stop_waiting(self) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = None

    def _late(self) -> None:
        """Who has begun is told; who only keeps the line is not, since a request might cross the answer."""
        if self._in_head:
            self._refuse(TooSlow(f"The headers did not come within {self.seconds:g} s."))
        else:
            self.transport.close()

    def _refuse(self, error: TrackerError) -> None:
        if not (self._answering and self._answering.response_started):
            self.transport.write(_written(error))
        self._let_go()
        self.transport.close()
        self._stop_waiting()


class Brief:
    """A request that goes the short way, as its connection sees it: in the place of uvicorn's cycle, of which uvicorn
    asks no more than this while it lasts."""

    __slots__ = ("_connection", "disconnected", "keep_alive", "response_complete")

    response_started = False
    message_event = asyncio.Event()
    """Set when a connection is lost; nobody waits for it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.keep_alive = True
        self.disconnected = self.response_complete = False

    def answer(self, status: int, head: bytes, body: bytes, ends: bool) -> None:
        self.response_complete = True
        connection = self._connection
        if self.disconnected or connection.transport.is_closing():
            return
        ends = ends or not self.keep_alive
        usual = _lines(connection.server_state.default_headers)
        connection.transport.write(b"%b%b%b%b\r\n%b" % (STATUS_LINE[status], usual, head, CLOSE if ends else b"", body))
        if ends:
            connection.transport.close()
        connection.on_brief_complete()


_known: tuple[object, bytes] = (None, b"")


def _lines(headers: list[tuple[bytes, bytes]]) -> bytes:
    """As they are sent. uvicorn has a new list each second, for the date."""
    global _known
    if _known[0] is not headers:
        _known = headers, b"".join(b"%b: %b\r\n" % header for header in headers)
    return _known[1]


def _written(error: TrackerError) -> bytes:
    request_id = uuid.uuid4().hex
    answer = problem(error, request_id, {"Connection": "close", "X-Request-ID": request_id})
    headers = b"".join(b"%b: %b\r\n" % header for header in answer.raw_headers)
    return STATUS_LINE[error.status] + headers + b"\r\n" + bytes(answer.body)


def connection(seconds: float) -> type[Connection]:
    """For uvicorn, which makes one for each connection."""
    sparingly = Sparingly()
    uvicorn_log = logging.getLogger("uvicorn.error")
    uvicorn_log.filters = [one for one in uvicorn_log.filters if not isinstance(one, Sparingly)] + [sparingly]
    return type("Connection", (Connection,), {"seconds": seconds})


class Sparingly(logging.Filter):
    """Of uvicorn's warnings, which anybody can cause, only so many; of its errors all."""

    def __init__(self) -> None:
        super().__init__()
        self._lines = Throttle(LINES, EACH_LINE_SECONDS)

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno != logging.WARNING or not self._lines.wait()

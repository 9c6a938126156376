"""A connection to our service: a request's head comes in time and is of a sane size, or the connection is closed.

uvicorn sees to neither: it waits for ever for a head, and holds whatever belongs to one. It would also take the
trailers of a chunked body for headers. What may go the short way (`service.shortway`) is offered to it, and is
uvicorn's wherever that does not take it.
"""

import asyncio
import logging
import uuid
from asyncio import TimerHandle
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from service.failures import EACH_LINE_SECONDS, LINES, Throttle
from service.passing import Headers
from service.problems import problem
from service.shortway import ShortWay
from tracker.errors import BadRequest, HeadersTooLarge, TooSlow, TrackerError

CLOSE = (b"connection", b"close")
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
    _held: bytes | None = None
    """So much of a body whose request may go the short way: uvicorn knows nothing of it yet."""

    @property
    def _shortway(self) -> ShortWay | None:
        """Of our service; other applications have none."""
        return self.app_state.get("shortway")

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)
        self._let_go()

    def data_received(self, data: bytes) -> None:
        self._idle_bytes += len(data)
        super().data_received(data)
        if self._held is not None:
            self._go_the_long_way()
        if self.transport.is_closing():
            self._stop_waiting()
        elif self._idle_bytes > MAX_IDLE_BYTES:
            self._refuse(HeadersTooLarge("This is more than any request needs before its body."))
        elif self._answering:
            self._stop_waiting()
        else:
            self._wait()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_head = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """A trailer is none: whoever checked the headers has not seen it (RFC 9110, 6.5.1)."""
        if self._in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head, self._idle_bytes = False, 0
        if self._may_be_short():
            self._held = b""
        else:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._idle_bytes = 0
        if self._held is None:
            super().on_body(body)
        else:
            self._held += body

    def on_message_complete(self) -> None:
        if self._held is None or not self._went_the_short_way(self._held):
            self._go_the_long_way()
            super().on_message_complete()
        self._held = None

    def _may_be_short(self) -> bool:
        """One at a time, by who reads the answers."""
        idle = self._answering is None and not self.pipeline and not self.flow.write_paused and not self.root_path
        return idle and ShortWay.may_take(self.parser.get_method(), self.url) and self._shortway is not None

    def _went_the_short_way(self, body: bytes) -> bool:
        brief = Brief(self, self.parser.get_http_version() == "1.1" and self.parser.should_keep_alive())
        way = self._shortway
        if way is None or not way.take(self.url, self.headers, body, brief.answer):
            return False
        if not brief.response_complete:
            self.cycle = self._running = brief  # type: ignore[assignment]  # in a cycle's place, see Brief
        return True

    def _go_the_long_way(self) -> None:
        """With what is there of a request that was held."""
        if self._held is not None:
            body, self._held = self._held, None
            super().on_headers_complete()
            super().on_body(body)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def send_400_response(self, msg: str) -> None:
        self._refuse(BadRequest(msg))

    @property
    def _answering(self) -> "RequestResponseCycle | Brief | None":
        return self._running if self._running and not self._running.response_complete else None

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

    def __init__(self, connection: Connection, keep_alive: bool) -> None:
        self._connection = connection
        self.keep_alive = keep_alive
        self.disconnected = self.response_complete = False

    def answer(self, status: int, headers: Headers, body: bytes) -> None:
        self.response_complete = True
        connection = self._connection
        if self.disconnected or connection.transport.is_closing():
            return
        lines = [*connection.server_state.default_headers, *headers, *([] if self.keep_alive else [CLOSE])]
        head = b"\r\n".join([b": ".join(line) for line in lines])
        connection.transport.write(b"%b%b\r\n\r\n%b" % (STATUS_LINE[status], head, body))
        if not self.keep_alive:
            connection.transport.close()
        connection.on_response_complete()


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

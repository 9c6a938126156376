"""What goes the short way, from its bytes to its answer: a request of which nothing is made but this."""

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar, NamedTuple

import structlog

from service.problems import problem
from service.requests import CRASHED, MAX_HEADERS, account, request_id_of
from service.state import State
from tracker.errors import TrackerError
from tracker.ids import token
from tracker.store.connection import UNAVAILABLE, unavailable

Answer = Callable[[int, bytes, bytes, bool], None]
"""Takes status, lines of the head, body, and whether the connection ends with it."""
NO_JOB: Mapping[str, str] = {}
log = structlog.get_logger()

_LINE = re.compile(rb"([A-Za-z0-9-]+): ([!-~](?:[ -~]*[!-~])?)")
LINES_KNOWN, MAX_LINE = 512, 80
"""Lines of heads that are remembered, and bytes of one: whoever sends much says most of it again each time, save for
signatures, which are longer."""
MAX_LINES = 64
_ODD = frozenset({b"transfer-encoding", b"expect", b"content-encoding", b"upgrade", b"trailer", b"te"})
_ENDS = {b"": False, b"keep-alive": False, b"close": True}
"""By what `Connection` says, whether it ends with this request."""


def line_of(beginning: bytes) -> re.Pattern[bytes]:
    """The first line of a request whose method and address are `beginning`, in which one group is a job's id."""
    return re.compile(rb"%b HTTP/1\.1" % beginning)


class Asked(NamedTuple):
    """Headers by name in lower case, each of which is there once."""

    job_id: str | None
    headers: dict[bytes, bytes]
    body: bytes
    ends: bool
    """Whether the connection ends with it."""


def read(line: re.Pattern[bytes], data: bytes) -> Asked | None:
    """None where `data` is not one whole request with such a first line and nothing odd about it.

    Its head is one that every reader reads alike (RFC 9112): whatever could be read in two ways is httptools' to judge.
    """
    head, end, body = data.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    found = line.fullmatch(first)
    if not (found and end and 0 < len(lines) <= MAX_LINES and len(head) <= MAX_HEADERS):
        return None
    headers = _headers(lines)
    if headers is None or headers.get(b"content-length", b"0") != b"%d" % len(body):
        return None
    ends = _ENDS.get(headers.get(b"connection", b"").lower())
    if ends is None:
        return None
    return Asked(found[1].decode() if found[1] else None, headers, body, ends)


def _headers(lines: Sequence[bytes]) -> dict[bytes, bytes] | None:
    try:
        headers = dict(map(_said_by.__getitem__, lines))
    except ValueError:
        return None
    return headers if len(headers) == len(lines) and _ODD.isdisjoint(headers) else None


class _Lines(dict[bytes, tuple[bytes, bytes]]):
    """What lines of heads say, a name in lower case and a value. Raises ValueError."""

    def __missing__(self, line: bytes) -> tuple[bytes, bytes]:
        found = _LINE.fullmatch(line)
        if found is None:
            raise ValueError("not a usual header")
        said = found[1].lower(), found[2]
        if len(line) <= MAX_LINE:
            if len(self) >= LINES_KNOWN:
                self.clear()
            self[line] = said
        return said


_said_by = _Lines()


class Way:
    """What all who go the short way have in common. `talks`: there is a line of the log for each. `listened`: somebody
    is told of each delivery, by the log or by traces."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.talks = bool(log.is_enabled_for(logging.INFO))
        self.listened = self.talks or state.tracing.on
        self._tasks: set[asyncio.Task[None]] = set()

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """For the few that cannot go on without waiting."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class Passing:
    """One request, which has one answer.

    Each kind has a `route`, a `begin` and a `go_on` of its own.
    """

    __slots__ = ("_answer", "_ends", "_started", "_way", "job_id", "request_id")
    method: ClassVar[str]
    caller: str | None = None
    """Who has sent it, where that is known."""

    def __init__(self, way: Way, asked: Asked, answer: Answer) -> None:
        self._way, self._answer, self._started = way, answer, time.perf_counter()
        self.job_id, self._ends = asked.job_id, asked.ends
        given = asked.headers.get(b"x-request-id")
        self.request_id = request_id_of(given.decode()) if given else token()

    @property
    def path(self) -> str:
        return self.route.replace("{job_id}", self.job_id or "")

    @property
    def route(self) -> str:
        """As requests are counted by."""
        raise NotImplementedError

    def begin(self) -> None:
        """Whoever begins sees to it that it ends."""
        raise NotImplementedError

    def told(self, answer: Any) -> None:
        """What the store has to say, an exception where it has no answer."""
        try:
            if isinstance(answer, UNAVAILABLE):
                raise unavailable(answer)
            self.go_on(answer)
        except Exception as error:  # noqa: BLE001  # whatever it is, the answer tells it
            self.fail(error)

    def go_on(self, answer: Any) -> None:
        """With the store's answer."""
        raise NotImplementedError

    def refuse(self, error: TrackerError) -> None:
        """The answer is a problem."""
        answer = problem(error, self.request_id, {"X-Request-ID": self.request_id})
        head = b"".join(b"%b: %b\r\n" % header for header in answer.raw_headers)
        self.end(error.status, head, bytes(answer.body))

    def fail(self, error: Exception) -> None:
        """Whatever is raised on the way is told by the answer."""
        if isinstance(error, TrackerError):
            self.refuse(error)
        else:
            log.error("request failed", method=self.method, path=self.path, request_id=self.request_id, exc_info=error)
            self.refuse(TrackerError(CRASHED))

    def end(self, status: int, head: bytes, body: bytes, about: Mapping[str, str] = NO_JOB) -> None:
        """With all lines of the head but the connection's own. `about` names its job, as lines of the log do."""
        self._answer(status, head, body, self._ends)
        if self._way.talks:
            told = {"request_id": self.request_id, **about} | ({"caller": self.caller} if self.caller else {})
            seconds = time.perf_counter() - self._started
            account(self._way.state, self.method, self.path, self.route, status, seconds, told)
        else:
            self._way.state.metrics.requests.inc(self.method, self.route, status)

    def later(self, work: Awaitable[None]) -> None:
        """For the few that cannot go on without waiting: `work` ends them, or raises."""
        self._way.later(self._apart(work))

    async def _apart(self, work: Awaitable[None]) -> None:
        with structlog.contextvars.bound_contextvars(request_id=self.request_id):
            try:
                await work
            except Exception as error:  # noqa: BLE001  # whatever it is, the answer tells it
                self.fail(error)

    def named(self) -> AbstractContextManager[None]:
        """Its id is in the lines of the log, where there are any."""
        if self._way.talks:
            return structlog.contextvars.bound_contextvars(request_id=self.request_id)
        return nullcontext()

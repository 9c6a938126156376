"""What goes the short way, from its bytes to its answer: a request of which nothing is made but this."""

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar, NamedTuple, Self

import structlog

from service.problems import problem
from service.requests import CRASHED, MAX_HEADERS, account, request_id_of
from service.state import State
from tracker.errors import TrackerError

Answer = Callable[[int, bytes, bytes, bool], None]
"""Takes status, lines of the head, body, and whether the connection ends with it."""
NO_JOB: Mapping[str, str] = {}
log = structlog.get_logger()

UUID = rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_NAME, _VALUE = rb"[A-Za-z0-9-]+", rb"[!-~](?:[ -~]*[!-~])?"
_LINE = re.compile(rb"(%b): (%b)\r\n" % (_NAME, _VALUE))
_ODD = frozenset({b"transfer-encoding", b"expect", b"content-encoding", b"upgrade", b"trailer", b"te"})
_ENDS = {b"": False, b"keep-alive": False, b"close": True}
"""By what `Connection` says, whether it ends with this request."""


def head_of(beginning: bytes) -> re.Pattern[bytes]:
    """Of a request whose method and address are `beginning`, in which one group is a job's id.

    A head that every reader reads alike (RFC 9112): whatever could be read in two ways is httptools' to judge.
    """
    return re.compile(rb"%b HTTP/1\.1\r\n((?:%b: %b\r\n){1,64})\r\n" % (beginning, _NAME, _VALUE))


class Asked(NamedTuple):
    """Headers by name in lower case, each of which is there once."""

    job_id: str | None
    headers: dict[bytes, bytes]
    body: bytes


def read(head: re.Pattern[bytes], data: bytes) -> Asked | None:
    """None where `data` is not one whole request with such a head and nothing odd about it."""
    found = head.match(data)
    if found is None or found.end() > MAX_HEADERS:
        return None
    headers, body = _headers(found[2]), data[found.end() :]
    if headers is None or headers.get(b"content-length", b"0") != b"%d" % len(body):
        return None
    return Asked(found[1].decode() if found[1] else None, headers, body)


def _headers(lines: bytes) -> dict[bytes, bytes] | None:
    found = _LINE.findall(lines)
    headers = {name.lower(): value for name, value in found}
    if len(headers) < len(found) or not _ODD.isdisjoint(headers):
        return None
    return headers if headers.get(b"connection", b"").lower() in _ENDS else None


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
    """One request, which has one answer. Where it is a context, what is raised within is told by that answer.

    Each kind has a `route` and a `begin` of its own.
    """

    __slots__ = ("_answer", "_ends", "_started", "_way", "job_id", "request_id")
    method: ClassVar[str]
    caller: str | None = None
    """Who has sent it, where that is known."""

    def __init__(self, way: Way, asked: Asked, answer: Answer) -> None:
        self._way, self._answer, self._started = way, answer, time.perf_counter()
        self.job_id = asked.job_id
        self.request_id = request_id_of(asked.headers.get(b"x-request-id", b"").decode())
        self._ends = _ENDS[asked.headers.get(b"connection", b"").lower()]

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

    def refuse(self, error: TrackerError) -> None:
        """The answer is a problem."""
        answer = problem(error, self.request_id, {"X-Request-ID": self.request_id})
        head = b"".join(b"%b: %b\r\n" % header for header in answer.raw_headers)
        self.end(error.status, head, bytes(answer.body))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: object, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, TrackerError):
            self.refuse(error)
        elif isinstance(error, Exception):
            log.error("request failed", method=self.method, path=self.path, request_id=self.request_id, exc_info=error)
            self.refuse(TrackerError(CRASHED))
        return isinstance(error, Exception)

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
        with structlog.contextvars.bound_contextvars(request_id=self.request_id), self:
            await work

    def named(self) -> AbstractContextManager[None]:
        """Its id is in the lines of the log, where there are any."""
        if self._way.talks:
            return structlog.contextvars.bound_contextvars(request_id=self.request_id)
        return nullcontext()

"""What goes the short way, from its head to its answer: a request of which nothing is made but this."""

import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, ClassVar, Self

import structlog

from service.problems import problem
from service.requests import CRASHED, MAX_HEADERS, ONCE, account, request_id_of
from tracker.errors import TrackerError

if TYPE_CHECKING:
    from service.shortway import ShortWay

Headers = list[tuple[bytes, bytes]]
Found = dict[bytes, bytes]
"""Headers by name; of one that may be there twice, the last."""
Answer = Callable[[int, Headers, bytes], None]
log = structlog.get_logger()
_ONCE = frozenset(name.encode() for name in ONCE)
_ODD = frozenset({b"transfer-encoding", b"expect", b"content-encoding", b"upgrade"})


class Passing:
    """One request; `caller` is who has sent it, where that is known."""

    __slots__ = ("_answer", "_path", "_started", "_way", "caller", "request_id")
    method: ClassVar[str]

    def __init__(self, way: "ShortWay", url: bytes, found: Found, answer: Answer) -> None:
        self._way, self._path, self._answer = way, url.decode(), answer
        self.request_id = request_id_of(found.get(b"x-request-id", b"").decode("latin-1"))
        self._started = time.perf_counter()
        self.caller: str | None = None

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
        self.end(error.status, answer.raw_headers, bytes(answer.body))

    def __enter__(self) -> Self:
        """What is raised within is its answer."""
        return self

    def __exit__(self, _: object, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, TrackerError):
            self.refuse(error)
        elif isinstance(error, Exception):
            log.error("request failed", method=self.method, path=self._path, request_id=self.request_id, exc_info=error)
            self.refuse(TrackerError(CRASHED))
        return isinstance(error, Exception)

    def end(self, status: int, headers: Headers, body: bytes) -> None:
        """With all headers of the answer but the connection's own."""
        self._answer(status, headers, body)
        seconds = time.perf_counter() - self._started
        told = {"request_id": self.request_id} | ({"caller": self.caller} if self.caller else {})
        account(self._way.state, self.method, self._path, self.route, status, seconds, told)

    def later(self, work: Awaitable[None]) -> None:
        """For the few that cannot go on without waiting: `work` ends them, or raises."""
        self._way.later(self._apart(work))

    async def _apart(self, work: Awaitable[None]) -> None:
        with structlog.contextvars.bound_contextvars(request_id=self.request_id), self:
            await work

    def named(self) -> AbstractContextManager[None]:
        """Its id is in the lines of the log, where there are any."""
        if log.is_enabled_for(logging.INFO):
            return structlog.contextvars.bound_contextvars(request_id=self.request_id)
        return nullcontext()


def ordinary(url: bytes, headers: Headers) -> Found | None:
    """The headers, None of a request that anything is odd about."""
    found = dict(headers)
    if not _ODD.isdisjoint(found) or (len(found) < len(headers) and _twice(headers)):
        return None
    return None if len(url) + sum(map(_size, headers)) > MAX_HEADERS else found


def _twice(headers: Headers) -> bool:
    """Whether a header is there more than once of which one would have to guess which is meant."""
    names = [name for name, _ in headers if name in _ONCE]
    return len(names) > len(set(names))


def _size(header: tuple[bytes, bytes]) -> int:
    return len(header[0]) + len(header[1])

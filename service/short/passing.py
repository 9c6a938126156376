"""What goes the short way, from its bytes to its answer: a request of which nothing is made but this."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar

import structlog

from service.problems import problem
from service.requests import CRASHED, account, request_id_of
from service.short.heads import Asked
from service.state import State
from tracker.errors import TrackerError
from tracker.ids import token
from tracker.store.connection import UNAVAILABLE, unavailable

Answer = Callable[[int, bytes, bytes, bool], None]
"""Takes status, lines of the head, body, and whether the connection ends with it."""
NO_JOB: Mapping[str, str] = {}
log = structlog.get_logger()


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

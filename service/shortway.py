"""The short way of an ordinary delivery: small, whole, genuine. It is most of what comes, and each layer counts.

A connection hands it over once it is all there, and gets the answer later by a call: no request is made of it, and no
task. What is not ordinary is left to the way of every request. Both ways meet in `service.webhooks`.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import structlog

from service.problems import problem
from service.recorder import Sighting
from service.requests import CRASHED, MAX_HEADERS, ONCE, account, request_id_of
from service.room import SMALL
from service.state import State
from service.webhooks import begin, conclude, settle
from tracker.apiframe.reading import Unreadable
from tracker.apiframe.signature import Delivery
from tracker.errors import SignatureRefused, StoreUnavailable, TrackerError
from tracker.ids import as_uuid
from tracker.store.connection import UNAVAILABLE, unavailable
from tracker.store.jobs import UNKNOWN, read_answer

PATH = "/webhooks/apiframe"
WITH_JOB = f"{PATH}/{{job_id}}"
Headers = list[tuple[bytes, bytes]]
Answer = Callable[[int, Headers, bytes], None]
CRASH = "request failed"
log = structlog.get_logger()
_ONCE = frozenset(name.encode() for name in ONCE)
_ODD = frozenset({b"transfer-encoding", b"expect", b"content-encoding", b"upgrade"})


class ShortWay:
    def __init__(self, state: State) -> None:
        self.state = state
        self._tasks: set[asyncio.Task[None]] = set()

    @staticmethod
    def may_take(method: bytes, url: bytes) -> bool:
        """Whether it is worth while to wait for the rest of a request."""
        return method == b"POST" and url.startswith(b"/webhooks/apiframe")

    def take(self, url: bytes, headers: Headers, body: bytes, answer: Answer) -> bool:
        """Whether it is taken: then `answer` gets status, headers and body. Else nothing has happened yet."""
        found = _ordinary(url, headers, body)
        if found is None:
            return False
        try:
            delivery = self.state.verifier.verify(body, found[b"x-webhook-signature"].decode("latin-1"))
        except SignatureRefused:
            return False
        request_id = request_id_of(found.get(b"x-request-id", b"").decode("latin-1"))
        _Passing(self, url.decode(), delivery, request_id, answer).begin()
        return True

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """For the few that cannot go on without waiting."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _Passing:
    """One delivery, from its signature to its answer."""

    __slots__ = ("_answer", "_delivery", "_path", "_request_id", "_seen", "_way")

    def __init__(self, way: ShortWay, path: str, delivery: Delivery, request_id: str, answer: Answer) -> None:
        self._way, self._path, self._delivery = way, path, delivery
        self._request_id, self._answer = request_id, answer
        self._seen: Sighting = way.state.recorder.sight(as_uuid(path[len(PATH) + 1 :]))

    def begin(self) -> None:
        try:
            begin(self._way.state, self._seen, self._delivery, self._told)
        except Unreadable:
            self._way.later(self._settle())
        except StoreUnavailable as error:
            self._refuse(error)
        except Exception:
            log.exception(CRASH, method="POST", path=self._path, request_id=self._request_id)
            self._end_badly(TrackerError(CRASHED))

    def _told(self, answer: Any) -> None:
        """What the script has answered: for a stranger it has to be asked once more."""
        if answer == UNKNOWN:
            self._way.later(self._settle())
        elif isinstance(answer, UNAVAILABLE):
            self._refuse(unavailable(answer))
        else:
            with self._named():
                conclude(self._seen, read_answer(answer))
                self._acknowledge()

    async def _settle(self) -> None:
        try:
            with structlog.contextvars.bound_contextvars(request_id=self._request_id):
                await settle(self._way.state, self._seen, self._delivery)
                self._acknowledge()
        except StoreUnavailable as error:
            self._refuse(error)
        except Exception:
            log.exception(CRASH, method="POST", path=self._path, request_id=self._request_id)
            self._end_badly(TrackerError(CRASHED))

    def _acknowledge(self) -> None:
        seen = self._seen
        self._way.state.recorder.taken(seen)
        job_id = f'"{seen.job_id}"' if seen.job_id else "null"
        body = f'{{"jobId":{job_id},"outcome":"{seen.outcome}"}}'.encode()
        headers = [
            (b"content-length", b"%d" % len(body)),
            (b"content-type", b"application/json"),
            (b"x-request-id", self._request_id.encode()),
        ]
        self._end(200, headers, body)

    def _refuse(self, error: StoreUnavailable) -> None:
        with self._named():
            self._way.state.recorder.refused(self._seen, error)
            self._end_badly(error)

    def _end_badly(self, error: TrackerError) -> None:
        answer = problem(error, self._request_id, {"X-Request-ID": self._request_id})
        self._end(error.status, answer.raw_headers, bytes(answer.body))

    def _end(self, status: int, headers: Headers, body: bytes) -> None:
        self._answer(status, headers, body)
        route = WITH_JOB if len(self._path) > len(PATH) else PATH
        account(self._way.state, "POST", self._path, route, status, self._seen.seconds)

    def _named(self) -> AbstractContextManager[None]:
        """Its id is in the lines of the log, where there are any."""
        if log.is_enabled_for(logging.INFO):
            return structlog.contextvars.bound_contextvars(request_id=self._request_id)
        return nullcontext()


def _ordinary(url: bytes, headers: Headers, body: bytes) -> dict[bytes, bytes] | None:
    """Its headers, None for a request that is not."""
    named = url[len(PATH) :]
    if named and (not named.startswith(b"/") or len(named) == 1 or not named[1:].replace(b"-", b"").isalnum()):
        return None
    found = dict(headers)
    if len(found) < len(headers) and _twice(headers):
        return None
    if not _ODD.isdisjoint(found) or b"x-webhook-signature" not in found or len(body) > SMALL:
        return None
    return None if len(url) + sum(map(_size, headers)) > MAX_HEADERS else found


def _twice(headers: Headers) -> bool:
    """Whether a header is there more than once of which one would have to guess which is meant."""
    names = [name for name, _ in headers if name in _ONCE]
    return len(names) > len(set(names))


def _size(header: tuple[bytes, bytes]) -> int:
    return len(header[0]) + len(header[1])

"""The short way of an ordinary delivery: small, whole, genuine. It is most of what comes, and each layer counts.

A connection hands over the bytes of a request as they came, and gets the answer later by a call: no request is made of
them, and no task. What is not ordinary to the letter is left to the way of every request. Both ways meet in
`service.webhooks`.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import structlog

from service.problems import problem
from service.requests import CRASHED, MAX_HEADERS, account, request_id_of
from service.room import SMALL
from service.state import State
from service.webhooks import begin, settle, tell
from tracker.apiframe.reading import Unreadable
from tracker.apiframe.signature import Delivery
from tracker.errors import SignatureRefused, StoreUnavailable, TrackerError
from tracker.store.connection import UNAVAILABLE, unavailable
from tracker.store.jobs import UNKNOWN

PATH = "/webhooks/apiframe"
WITH_JOB = f"{PATH}/{{job_id}}"
BEGINNING = f"POST {PATH}".encode()
CRASH = "request failed"
Answer = Callable[[int, bytes, bytes, bool], None]
"""Takes status, lines of the head, body, and whether the connection ends with it."""
log = structlog.get_logger()

_UUID = rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_NAME, _VALUE = rb"[A-Za-z0-9-]+", rb"[!-~](?:[ -~]*[!-~])?"
_HEAD = re.compile(
    rb"POST /webhooks/apiframe(?:/(%b))? HTTP/1\.1\r\n((?:%b: %b\r\n){1,64})\r\n" % (_UUID, _NAME, _VALUE)
)
"""A head that every reader reads alike (RFC 9112): whatever could be read in two ways is httptools' to judge."""
_LINE = re.compile(rb"(%b): (%b)\r\n" % (_NAME, _VALUE))
_ODD = frozenset({b"transfer-encoding", b"expect", b"content-encoding", b"upgrade", b"trailer", b"te"})
_ENDS = {b"": False, b"keep-alive": False, b"close": True}
"""By what `Connection` says, whether it ends with this request."""


class ShortWay:
    def __init__(self, state: State) -> None:
        self.state = state
        self.talks = bool(log.is_enabled_for(logging.INFO))
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, data: bytes, answer: Answer) -> bool:
        """Whether `data`, a whole request, is taken: then `answer` is called once. Else nothing has happened yet."""
        head = _HEAD.match(data)
        if head is None or head.end() > MAX_HEADERS:
            return False
        headers, body = _headers(head[2]), data[head.end() :]
        if headers is None or headers.get(b"content-length") != b"%d" % len(body) or len(body) > SMALL:
            return False
        try:
            delivery = self.state.verifier.verify(body, headers.get(b"x-webhook-signature", b"").decode())
        except SignatureRefused:
            return False
        ends = _ENDS[headers.get(b"connection", b"").lower()]
        request_id = request_id_of(headers.get(b"x-request-id", b"").decode())
        _Passing(self, head[1].decode() if head[1] else None, delivery, request_id, answer, ends).begin()
        return True

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """For the few that cannot go on without waiting."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _Passing:
    """One delivery, from its signature to its answer."""

    __slots__ = ("_address", "_answer", "_delivery", "_ends", "_request_id", "_seen", "_way")

    def __init__(
        self, way: ShortWay, address: str | None, delivery: Delivery, request_id: str, answer: Answer, ends: bool
    ) -> None:
        self._way, self._address, self._delivery = way, address, delivery
        self._request_id, self._answer, self._ends = request_id, answer, ends
        self._seen = way.state.recorder.sight(address)

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
            outcome, job_id, _, status, _ = answer
            self._seen.end(job_id, outcome)
            with self._named():
                if self._way.talks:
                    tell(self._seen, status)
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
        body = f'{{"jobId":{job_id},"outcome":"{seen.outcome}"}}'
        head = f"content-length: {len(body)}\r\ncontent-type: application/json\r\nx-request-id: {self._request_id}\r\n"
        self._end(200, head.encode(), body.encode())

    def _refuse(self, error: StoreUnavailable) -> None:
        with self._named():
            self._way.state.recorder.refused(self._seen, error)
            self._end_badly(error)

    def _end_badly(self, error: TrackerError) -> None:
        answer = problem(error, self._request_id, {"X-Request-ID": self._request_id})
        head = b"".join(b"%b: %b\r\n" % header for header in answer.raw_headers)
        self._end(error.status, head, bytes(answer.body))

    def _end(self, status: int, head: bytes, body: bytes) -> None:
        self._answer(status, head, body, self._ends)
        route = WITH_JOB if self._address else PATH
        if self._way.talks:
            account(self._way.state, "POST", self._path, route, status, self._seen.seconds)
        else:
            self._way.state.metrics.requests.inc("POST", route, status)

    @property
    def _path(self) -> str:
        return f"{PATH}/{self._address}" if self._address else PATH

    def _named(self) -> AbstractContextManager[None]:
        """Its id is in the lines of the log, where there are any."""
        if self._way.talks:
            return structlog.contextvars.bound_contextvars(request_id=self._request_id)
        return nullcontext()


def _headers(lines: bytes) -> dict[bytes, bytes] | None:
    """By name in lower case; None where one is there twice, or is none of an ordinary delivery's."""
    found = _LINE.findall(lines)
    headers = {name.lower(): value for name, value in found}
    if len(headers) < len(found) or not _ODD.isdisjoint(headers):
        return None
    return headers if headers.get(b"connection", b"").lower() in _ENDS else None

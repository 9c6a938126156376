"""The short way of what comes most, an ordinary delivery or a look at a job: each layer counts.

A connection hands over the bytes of a request as they came, and gets the answer later by a call: no request is made of
them, and no task. What is not ordinary to the letter is left to the way of every request. Both ways meet in
`service.webhooks` and `service.answers`.
"""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

import structlog

from service import shortread
from service.failures import source_at
from service.passing import UUID, Answer, Asked, Passing, head_of, read
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
BEGINNINGS = f"POST {PATH}".encode(), shortread.BEGINNING
"""Of requests that are worth a look."""
_HEAD = head_of(rb"POST /webhooks/apiframe(?:/(%b))?" % UUID)
log = structlog.get_logger()


class ShortWay:
    def __init__(self, state: State) -> None:
        self.state = state
        self.talks = bool(log.is_enabled_for(logging.INFO))
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, data: bytes, answer: Answer, host: str) -> bool:
        """Whether `data`, a whole request from `host`, is taken: then `answer` is called once. Else nothing has
        happened yet."""
        passing: Passing | None
        if data.startswith(shortread.BEGINNING):
            passing = shortread.offered(self, data, answer)
        else:
            passing = _offered(self, data, answer, host)
        if passing is None:
            return False
        with passing:
            passing.begin()
        return True

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """For the few that cannot go on without waiting."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _offered(way: ShortWay, data: bytes, answer: Answer, host: str) -> Passing | None:
    """None for one that is not ordinary, or is refused and came by a proxy: whose source is then for others to tell."""
    asked = read(_HEAD, data)
    if asked is None or len(asked.body) > SMALL:
        return None
    try:
        delivery = way.state.verifier.verify(asked.body, asked.headers.get(b"x-webhook-signature", b"").decode())
    except SignatureRefused as error:
        return None if b"x-forwarded-for" in asked.headers else _Forged(way, asked, answer, error, host)
    return _Delivered(way, asked, answer, delivery)


class _Webhook(Passing):
    __slots__ = ("_seen",)
    method = "POST"

    def __init__(self, way: ShortWay, asked: Asked, answer: Answer) -> None:
        super().__init__(way, asked, answer)
        self._seen = way.state.recorder.sight(asked.job_id)

    @property
    def route(self) -> str:
        return WITH_JOB if self.job_id else PATH


class _Forged(_Webhook):
    """A delivery whose signature is none, or somebody else's."""

    __slots__ = ("_error", "_host")

    def __init__(self, way: ShortWay, asked: Asked, answer: Answer, error: SignatureRefused, host: str) -> None:
        super().__init__(way, asked, answer)
        self._seen.bytes, self._error, self._host = len(asked.body), error, host

    def begin(self) -> None:
        with self.named():
            self._way.state.recorder.refused(self._seen, self._error)
        self._way.state.failures.slow_down(source_at(self._host), "webhook")
        raise self._error


class _Delivered(_Webhook):
    """A genuine one, from its signature to its answer."""

    __slots__ = ("_delivery",)

    def __init__(self, way: ShortWay, asked: Asked, answer: Answer, delivery: Delivery) -> None:
        super().__init__(way, asked, answer)
        self._delivery = delivery

    def begin(self) -> None:
        try:
            begin(self._way.state, self._seen, self._delivery, self._told)
        except Unreadable:
            self.later(self._settle())

    def _told(self, answer: Any) -> None:
        """What the script has answered: for a stranger it has to be asked once more."""
        with self:
            if isinstance(answer, UNAVAILABLE):
                raise unavailable(answer)
            if answer == UNKNOWN:
                self.later(self._settle())
            else:
                outcome, job_id, _, status, _ = answer
                self._seen.end(job_id, outcome)
                if self._way.talks:
                    with self.named():
                        tell(self._seen, status)
                self._acknowledge()

    async def _settle(self) -> None:
        await settle(self._way.state, self._seen, self._delivery)
        self._acknowledge()

    def _acknowledge(self) -> None:
        seen = self._seen
        self._way.state.recorder.taken(seen)
        job_id = f'"{seen.job_id}"' if seen.job_id else "null"
        body = f'{{"jobId":{job_id},"outcome":"{seen.outcome}"}}'
        head = f"content-length: {len(body)}\r\ncontent-type: application/json\r\nx-request-id: {self.request_id}\r\n"
        self.end(200, head.encode(), body.encode())

    def refuse(self, error: TrackerError) -> None:
        with self.named():
            if isinstance(error, StoreUnavailable):
                self._way.state.recorder.refused(self._seen, error)
            super().refuse(error)

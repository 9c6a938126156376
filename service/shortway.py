"""The short way of what comes most, an ordinary delivery or a look at a job: each layer counts.

A connection hands such a request over once it is all there, and gets the answer later by a call: no request is made of
it, and no task. What is not ordinary is left to the way of every request, and both ways meet in `service.webhooks` and
`service.answers`.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

from service import shortread
from service.passing import Answer, Found, Headers, Passing, ordinary
from service.recorder import Sighting
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
_PLACES = {b"POST": PATH.encode(), b"GET": shortread.PATH}


class ShortWay:
    def __init__(self, state: State) -> None:
        self.state = state
        self._tasks: set[asyncio.Task[None]] = set()

    @staticmethod
    def may_take(method: bytes, url: bytes) -> bool:
        """Whether it is worth while to wait for the rest of a request. Only such are to be offered."""
        return url.startswith(_PLACES.get(method, ()))

    def take(self, url: bytes, headers: Headers, body: bytes, answer: Answer) -> bool:
        """Whether it is taken: then `answer` gets status, headers and body. Else nothing has happened yet."""
        found = ordinary(url, headers)
        if found is None:
            return False
        offer = shortread.offered if url.startswith(shortread.PATH) else _offered
        passing = offer(self, url, found, body, answer)
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


def _offered(way: ShortWay, url: bytes, found: Found, body: bytes, answer: Answer) -> "_Delivered | None":
    """None for one that is not ordinary, or not genuine."""
    named = url[len(PATH) :]
    if named and (not named.startswith(b"/") or len(named) == 1 or not named[1:].replace(b"-", b"").isalnum()):
        return None
    signature = found.get(b"x-webhook-signature")
    if signature is None or len(body) > SMALL:
        return None
    try:
        delivery = way.state.verifier.verify(body, signature.decode("latin-1"))
    except SignatureRefused:
        return None
    return _Delivered(way, url, found, answer, delivery)


class _Delivered(Passing):
    """A delivery, from its signature to its answer."""

    __slots__ = ("_delivery", "_seen")
    method = "POST"

    def __init__(self, way: ShortWay, url: bytes, found: Found, answer: Answer, delivery: Delivery) -> None:
        super().__init__(way, url, found, answer)
        self._delivery = delivery
        self._seen: Sighting = way.state.recorder.sight(as_uuid(self._path[len(PATH) + 1 :]))

    @property
    def route(self) -> str:
        return WITH_JOB if len(self._path) > len(PATH) else PATH

    def begin(self) -> None:
        try:
            begin(self._way.state, self._seen, self._delivery, self._told)
        except Unreadable:
            self.later(self._settle())

    def _told(self, answer: Any) -> None:
        """What the script has answered: for a stranger it has to be asked once more."""
        with self, self.named():
            if isinstance(answer, UNAVAILABLE):
                raise unavailable(answer)
            if answer == UNKNOWN:
                self.later(self._settle())
            else:
                conclude(self._seen, read_answer(answer))
                self._acknowledge()

    async def _settle(self) -> None:
        await settle(self._way.state, self._seen, self._delivery)
        self._acknowledge()

    def _acknowledge(self) -> None:
        seen = self._seen
        self._way.state.recorder.taken(seen)
        job_id = f'"{seen.job_id}"' if seen.job_id else "null"
        body = f'{{"jobId":{job_id},"outcome":"{seen.outcome}"}}'.encode()
        headers = [
            (b"content-length", b"%d" % len(body)),
            (b"content-type", b"application/json"),
            (b"x-request-id", self.request_id.encode()),
        ]
        self.end(200, headers, body)

    def refuse(self, error: TrackerError) -> None:
        with self.named():
            if isinstance(error, StoreUnavailable):
                self._way.state.recorder.refused(self._seen, error)
            super().refuse(error)

"""The short way of a webhook: small, and genuine, or forged by whoever is at the other end of the connection."""

from collections.abc import Mapping
from typing import Any

from service.failures import source_at
from service.room import SMALL
from service.short.heads import Asked, Heads
from service.short.passing import NO_JOB, Answer, Passing, Way
from service.webhooks import WITH_JOB, begin, settle, tell, trace
from tracker.apiframe.reading import Unreadable
from tracker.apiframe.signature import Delivery
from tracker.errors import SignatureRefused, StoreUnavailable, TrackerError
from tracker.store.jobs import UNKNOWN
from tracker.trail import Trail

PATH = "/webhooks/apiframe"
BEGINNING = f"POST {PATH}".encode()
_HEADS = Heads(BEGINNING, optional=True)


def offered(way: Way, data: bytes, answer: Answer, host: str) -> Passing | None:
    """None for one that is not ordinary, or is refused and came by a proxy: whose source is then for others to tell."""
    asked = _HEADS.read(data)
    if asked is None or len(asked.body) > SMALL:
        return None
    try:
        delivery = way.state.verifier.verify(asked.body, asked.signature.decode())
    except SignatureRefused as error:
        return None if b"x-forwarded-for" in asked.headers else _Forged(way, asked, answer, error, host)
    return _Delivered(way, asked, answer, delivery)


class _Webhook(Passing):
    __slots__ = ("_delivery", "_seen")
    method = "POST"

    def __init__(self, way: Way, asked: Asked, answer: Answer, delivery: Delivery | None = None) -> None:
        Passing.__init__(self, way, asked, answer)
        self._seen, self._delivery = way.state.recorder.sight(asked.job_id), delivery

    @property
    def route(self) -> str:
        return WITH_JOB if self.job_id else PATH


class _Forged(_Webhook):
    """A delivery whose signature is none, or somebody else's."""

    __slots__ = ("_error", "_host")

    def __init__(self, way: Way, asked: Asked, answer: Answer, error: SignatureRefused, host: str) -> None:
        super().__init__(way, asked, answer)
        self._seen.bytes, self._error, self._host = len(asked.body), error, host

    def begin(self) -> None:
        with self.named():
            self._way.state.recorder.refused(self._seen, self._error)
        self._way.state.failures.slow_down(source_at(self._host), "webhook")
        raise self._error


class _Delivered(_Webhook):
    """A genuine one, from its signature to its answer."""

    __slots__ = ()
    _delivery: Delivery

    def begin(self) -> None:
        try:
            begin(self._way.state, self._seen, self._delivery, self.told)
        except Unreadable:
            self.later(self._settle())

    def go_on(self, answer: Any) -> None:
        """What the script has answered: for a stranger it has to be asked once more."""
        if answer == UNKNOWN:
            self.later(self._settle())
            return
        outcome, job_id, _, status, before, trail = answer
        self._seen.end(job_id, outcome)
        self._acknowledge(self._tell(status, before, Trail(trail)) if self._way.listened else NO_JOB)

    def _tell(self, status: str, before: str, trail: Trail) -> Mapping[str, str]:
        """To whoever listens; and what its line of a request says of its job."""
        trace(self._way.state, self._seen, trail, before, status)
        if not self._way.talks:
            return NO_JOB
        with self.named():
            tell(self._seen, status, trail)
        return {"job_id": self._seen.job_id or "", **trail.names}

    async def _settle(self) -> None:
        await settle(self._way.state, self._seen, self._delivery)
        self._acknowledge()

    def _acknowledge(self, about: Mapping[str, str] = NO_JOB) -> None:
        seen = self._seen
        self._way.state.recorder.taken(seen)
        job_id = f'"{seen.job_id}"' if seen.job_id else "null"
        body = f'{{"jobId":{job_id},"outcome":"{seen.outcome}"}}'
        head = f"content-length: {len(body)}\r\ncontent-type: application/json\r\nx-request-id: {self.request_id}\r\n"
        self.end(200, head.encode(), body.encode(), about)

    def refuse(self, error: TrackerError) -> None:
        with self.named():
            if isinstance(error, StoreUnavailable):
                self._way.state.recorder.refused(self._seen, error)
            super().refuse(error)

"""The short way of a look at a job: by our id, with a key of one's own, and nothing waited for.

From the record straight to the answer. Only what that does not tell goes by way of the models: a job under upstream's
id, one that is not to be seen, a record that cannot be read.
"""

from collections.abc import Mapping
from typing import Any

from service.answers import FRESH, answered, etags, visible
from service.auth import Caller
from service.short.heads import Asked, Heads
from service.short.passing import NO_JOB, Answer, Passing, Way
from tracker.store.spelling import spell
from tracker.store.wire import etag_of, unpack
from tracker.trail import Trail

BEGINNING = b"GET /v1/jobs/"
_HEADS = Heads(b"GET /v1/jobs")
_JSON = (b"*/*", b"application/json")


def offered(way: Way, data: bytes, answer: Answer) -> "_Look | None":
    """None for one that is not ordinary: another address, a query, no key or none that may read, another media type."""
    asked = _HEADS.read(data)
    if asked is None or asked.body or asked.headers.get(b"accept", b"*/*") not in _JSON:
        return None
    caller = way.state.keyring.of(asked.headers.get(b"x-api-key", b"").decode())
    if caller is None or "read" not in caller.scopes:
        return None
    return _Look(way, asked, answer, caller)


class _Look(Passing):
    __slots__ = ("_caller", "_job_id", "_known", "_trail", "caller")
    method = "GET"
    route = "/v1/jobs/{job_id}"

    def __init__(self, way: Way, asked: Asked, answer: Answer, caller: Caller) -> None:
        super().__init__(way, asked, answer)
        self._job_id, self._caller, self.caller = str(asked.job_id), caller, caller.name
        self._trail = ""
        given = asked.headers.get(b"if-none-match")
        self._known = etags([given.decode()]) if given else frozenset[str]()

    def begin(self) -> None:
        self._way.state.store.look(self._job_id, self.told)

    def go_on(self, record: Any) -> None:
        if found := self._seen(record):
            self._show(*found)
        else:
            self.later(self._find())

    def _seen(self, record: bytes | None) -> tuple[str, bytes] | None:
        """ETag and JSON; None where there is more to it."""
        try:
            fields = unpack(record) if record else {}
            if not self._caller.sees_owner(fields["owner"]):
                return None
            self._trail = fields.get("trail", "")
            return etag_of(self._job_id, fields["version"]), spell(self._job_id, fields)
        except (KeyError, TypeError, ValueError):
            return None

    def _show(self, etag: str, document: bytes) -> None:
        head = f"etag: {etag}\r\ncache-control: {FRESH}\r\nx-request-id: {self.request_id}\r\n"
        if etag in self._known or "*" in self._known:
            self.end(304, head.encode(), b"", self._about())
        else:
            head += f"content-length: {len(document)}\r\ncontent-type: application/json\r\n"
            self.end(200, head.encode(), document, self._about())

    def _about(self) -> Mapping[str, str]:
        return {"job_id": self._job_id, **Trail(self._trail).names} if self._way.talks else NO_JOB

    async def _find(self) -> None:
        answer = answered(await visible(self._way.state, self._caller, self._job_id), self._known)
        answer.headers["X-Request-ID"] = self.request_id
        self.end(answer.status_code, b"".join(b"%b: %b\r\n" % one for one in answer.raw_headers), bytes(answer.body))

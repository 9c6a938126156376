"""The short way of a look at a job: by our id, with a key of one's own, and nothing waited for.

From the record straight to the answer. Only what that does not tell goes by way of the models: a job under upstream's
id, one that is not to be seen, a record that cannot be read.
"""

from typing import TYPE_CHECKING, Any

from service.answers import FRESH, answered, etags, visible
from service.auth import Caller
from service.passing import Answer, Found, Headers, Passing
from tracker.ids import as_uuid
from tracker.store.connection import UNAVAILABLE, unavailable
from tracker.store.spelling import spell
from tracker.store.wire import etag_of, unpack

if TYPE_CHECKING:
    from service.shortway import ShortWay

PATH = b"/v1/jobs/"
ROUTE = "/v1/jobs/{job_id}"
_JSON = (b"*/*", b"application/json")


def offered(way: "ShortWay", url: bytes, found: Found, body: bytes, answer: Answer) -> "_Read | None":
    """None for one that is not ordinary: another address, a query, no key or none that may read, another media type."""
    job_id = url[len(PATH) :].decode("latin-1")
    if body or as_uuid(job_id) != job_id or found.get(b"accept", b"*/*") not in _JSON:
        return None
    caller = way.state.keyring.of(found.get(b"x-api-key", b"").decode("latin-1").strip())
    if caller is None or "read" not in caller.scopes:
        return None
    return _Read(way, url, found, answer, job_id, caller)


class _Read(Passing):
    __slots__ = ("_caller", "_job_id", "_known")
    method = "GET"
    route = ROUTE

    def __init__(self, way: "ShortWay", url: bytes, found: Found, answer: Answer, job_id: str, caller: Caller) -> None:
        super().__init__(way, url, found, answer)
        self._job_id, self._caller, self.caller = job_id, caller, caller.name
        given = found.get(b"if-none-match")
        self._known = etags([given.decode("latin-1")]) if given else frozenset[str]()

    def begin(self) -> None:
        self._way.state.store.look(self._job_id, self._told)

    def _told(self, record: Any) -> None:
        with self:
            if isinstance(record, UNAVAILABLE):
                raise unavailable(record)
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
            return etag_of(self._job_id, fields["version"]), spell(self._job_id, fields)
        except (KeyError, TypeError, ValueError):
            return None

    def _show(self, etag: str, document: bytes) -> None:
        headers = [(b"etag", etag.encode()), (b"cache-control", FRESH.encode())]
        if etag in self._known or "*" in self._known:
            self._end(304, headers, b"")
        else:
            length = b"%d" % len(document)
            self._end(200, [*headers, (b"content-length", length), (b"content-type", b"application/json")], document)

    def _end(self, status: int, headers: Headers, body: bytes) -> None:
        self.end(status, [*headers, (b"x-request-id", self.request_id.encode())], body)

    async def _find(self) -> None:
        answer = answered(await visible(self._way.state, self._caller, self._job_id), self._known)
        self._end(answer.status_code, answer.raw_headers, bytes(answer.body))

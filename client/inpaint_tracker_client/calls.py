"""The protocol without I/O: each call is a request to send and a way to read its answer, whoever carries them.

    arguments -> Call(request, read) -> the shell sends -> Reply -> read -> a job, a page, or one typed error
"""

import base64
import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from pydantic import BaseModel, ValidationError

from inpaint_tracker_client.errors import REFUSALS, Problem, Refused, TrackerError, Unavailable, UnexpectedAnswer
from inpaint_tracker_client.models import Event, Job, Wire

T = TypeVar("T")
Model = TypeVar("Model", bound=BaseModel)
Parameters = tuple[tuple[str, str], ...]
PAGE_SIZE = 50


@dataclass(frozen=True)
class Request:
    """`hold` is how many seconds the service may keep the answer back beyond its usual time."""

    method: str
    path: str
    parameters: Parameters = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    hold: float = 0.0


@dataclass(frozen=True)
class Reply:
    """Header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class Call(Generic[T]):
    """`after` seconds pass before it is sent; it is not tried again once the monotonic clock is past `until`."""

    request: Request
    read: Callable[[Reply], T]
    after: float = 0.0
    until: float = float("inf")


@dataclass(frozen=True)
class Page(Generic[T]):
    items: tuple[T, ...]
    following: "Call[Page[T]] | None"


# The calls


def submit(
    parent_job_id: str, mask: bytes, prompt: str | None, labels: Mapping[str, str] | None, idempotency_key: str | None
) -> Call[Job]:
    """Without a key it gets one of its own, so that it can be sent again safely."""
    key = str(uuid.uuid4()) if idempotency_key is None else _header_text("idempotency_key", idempotency_key)
    fields = {"parentJobId": parent_job_id, "mask": base64.b64encode(mask).decode(), "prompt": prompt, "labels": labels}
    return _posting("/v1/jobs", fields, {"Idempotency-Key": key})


def get(job_id: str) -> Call[Job]:
    return Call(Request("GET", _job_path(job_id)), read_job)


def held(job_id: str, seconds: float, known: str | None, until_final: bool) -> Request:
    """Answered when the job is other than `known`, an ETag, or after some seconds; `until_final`: when it is final."""
    parameters: Parameters = (("wait", f"{seconds:.3f}"),) if seconds else ()
    if seconds and until_final:
        parameters += (("until", "final"),)
    headers = {"If-None-Match": known} if known else {}
    return Request("GET", _job_path(job_id), parameters, headers, hold=seconds)


def cancel(job_id: str) -> Call[Job]:
    return _posting(_job_path(job_id, "/cancel"))


def refresh(job_id: str) -> Call[Job]:
    return _posting(_job_path(job_id, "/refresh"))


def track(upstream_job_id: str, labels: Mapping[str, str] | None) -> Call[Job]:
    return _posting("/v1/jobs/track", {"upstreamJobId": upstream_job_id, "labels": labels})


def list_jobs(
    status: str | Iterable[str] | None,
    labels: Mapping[str, str] | None,
    page_size: int,
    **filters: str | datetime | None,
) -> Call[Page[Job]]:
    """`filters` by their names on the wire; None leaves one out."""
    statuses = (status,) if isinstance(status, str) else tuple(status or ())
    parameters = [("limit", str(page_size)), *(("status", word) for word in statuses)]
    parameters += [(name, _parameter(name, value)) for name, value in filters.items() if value is not None]
    parameters += [(f"label.{name}", value) for name, value in (labels or {}).items()]
    return _paging(Request("GET", "/v1/jobs", tuple(parameters)), "jobs", Job)


def events(job_id: str) -> Call[Page[Event]]:
    return _paging(Request("GET", _job_path(job_id, "/events"), (("limit", "100"),)), "events", Event)


def _posting(path: str, fields: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None) -> Call[Job]:
    """The body is made once: whoever sends it again sends the same bytes."""
    if fields is None:
        return Call(Request("POST", path, headers=headers or {}), read_job)
    body = json.dumps({name: value for name, value in fields.items() if value is not None}).encode()
    return Call(Request("POST", path, (), {"Content-Type": "application/json", **(headers or {})}, body), read_job)


def _paging(request: Request, name: str, model: type[Model]) -> Call[Page[Model]]:
    return Call(request, partial(_read_page, request, name, model))


def _job_path(job_id: str, below: str = "") -> str:
    if not job_id.strip("."):
        raise ValueError(f"{job_id!r} is not the id of a job")
    return f"/v1/jobs/{quote(job_id, safe='')}{below}"


def _parameter(name: str, value: str | datetime) -> str:
    if isinstance(value, str):
        return value
    if value.tzinfo is None:
        raise ValueError(f"{name} has no time zone; datetime.now(UTC) has one")
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _header_text(name: str, text: str) -> str:
    if not (text.isascii() and text.isprintable() and 1 <= len(text) <= 255):
        raise ValueError(f"{name}: expected 1 to 255 printable ASCII characters")
    return text


# Their answers


def read_job(reply: Reply) -> Job:
    return _read(reply, Job)


def _read_page(request: Request, name: str, model: type[Model], reply: Reply) -> Page[Model]:
    document = _read(reply, _PageDocument)
    try:
        items = tuple(model.model_validate(item) for item in document.items(name))
    except (ValidationError, KeyError):
        raise _unexpected(reply) from None
    if not document.next_cursor:
        return Page(items, None)
    others = tuple(pair for pair in request.parameters if pair[0] != "cursor")
    following = replace(request, parameters=(*others, ("cursor", document.next_cursor)))
    return Page(items, _paging(following, name, model))


class _PageDocument(Wire, extra="allow"):
    next_cursor: str | None = None

    def items(self, name: str) -> list[Any]:
        items: list[Any] = (self.model_extra or {})[name]
        return items


def _read(reply: Reply, model: type[Model]) -> Model:
    if not 200 <= reply.status < 300:
        raise error_of(reply)
    try:
        return model.model_validate_json(reply.body)
    except ValidationError:
        raise _unexpected(reply) from None


def error_of(reply: Reply) -> TrackerError:
    """The error that a reply without success stands for."""
    if 400 <= reply.status < 500:
        return REFUSALS.get(reply.status, Refused)(read_problem(reply))
    return Unavailable(read_problem(reply)) if reply.status >= 500 else _unexpected(reply)


def read_problem(reply: Reply) -> Problem:
    """Whoever answered, a proxy's page too: what cannot be read as a problem is told by its status alone."""
    try:
        told = Problem.model_validate({**_object(reply.body), "status": reply.status})
    except ValidationError:
        told = Problem(status=reply.status)
    request_id = told.request_id or reply.headers.get("x-request-id")
    return told.model_copy(update={"request_id": request_id, "retry_after": retry_after(reply)})


def retry_after(reply: Reply) -> float | None:
    """Seconds, whether the header holds seconds or a date; None for anything else."""
    given = reply.headers.get("retry-after", "").strip()
    if given.isascii() and given.isdecimal():
        return float(given)
    try:
        moment = parsedate_to_datetime(given)
    except ValueError:
        return None
    return max(0.0, (moment.astimezone(UTC) - datetime.now(UTC)).total_seconds())


def _object(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _unexpected(reply: Reply) -> UnexpectedAnswer:
    kind = reply.headers.get("content-type", "no content type")
    return UnexpectedAnswer(f"an answer {reply.status} ({kind:.60}) that is not the service's; check the url")

"""The protocol without I/O: each call is a request to send and a way to read its answer, whoever carries them.

arguments -> Call(request, read) -> the shell sends -> Reply -> read (answers.py) -> a job, a page, or one typed error
"""

import base64
import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar
from urllib.parse import quote

from inpaint_tracker_client.answers import Model, Reply, read_job, read_page
from inpaint_tracker_client.models import Event, Job

T = TypeVar("T")
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


def submit(
    parent_job_id: str, mask: bytes, prompt: str | None, labels: Mapping[str, str] | None, idempotency_key: str | None
) -> Call[Job]:
    """Without a key it gets one of its own, so that it can be sent again safely."""
    key = str(uuid.uuid4()) if idempotency_key is None else checked_key(idempotency_key)
    fields = {"parentJobId": parent_job_id, "mask": base64.b64encode(mask).decode(), "prompt": prompt, "labels": labels}
    return _posting("/v1/jobs", fields, {"Idempotency-Key": key})


def get(job_id: str) -> Call[Job]:
    return Call(Request("GET", _job_path(job_id)), read_job)


def held(job_id: str, seconds: float, known: str | None, until_final: bool) -> Request:
    """Answered when the job is other than `known`, an ETag, or after some seconds; `until_final`: when it is final."""
    parameters: Parameters = (("wait", f"{seconds:.3f}"),) if seconds else ()
    if seconds and until_final:
        parameters += (("until", "final"),)
    headers = {"If-None-Match": known.removeprefix("W/")} if known else {}
    return Request("GET", _job_path(job_id), parameters, headers, hold=seconds)


def cancel(job_id: str) -> Call[Job]:
    return _posting(_job_path(job_id, "/cancel"))


def refresh(job_id: str) -> Call[Job]:
    return _posting(_job_path(job_id, "/refresh"))


def track(upstream_job_id: str, labels: Mapping[str, str] | None) -> Call[Job]:
    return _posting("/v1/jobs/track", {"upstreamJobId": upstream_job_id, "labels": labels})


def list_jobs(filters: Parameters, page_size: int) -> Call[Page[Job]]:
    return _paging(Request("GET", "/v1/jobs", (("limit", str(page_size)), *filters)), "jobs", Job)


def stream_jobs(filters: Parameters) -> Request:
    return Request("GET", "/v1/stream", filters)


def stream_job(job_id: str) -> Request:
    return Request("GET", _job_path(job_id, "/stream"))


def filters(
    status: str | Iterable[str] | None,
    owner: str | None,
    parent_job_id: str | None,
    labels: Mapping[str, str] | None,
    created_after: datetime | None,
    created_before: datetime | None,
) -> Parameters:
    """As both `list` and `stream` take them; None leaves one out."""
    statuses = (status,) if isinstance(status, str) else tuple(status or ())
    others = {"owner": owner, "parentJobId": parent_job_id, "createdAfter": created_after,
              "createdBefore": created_before}  # fmt: skip
    parameters = [("status", word) for word in statuses]
    parameters += [(name, _parameter(name, value)) for name, value in others.items() if value is not None]
    parameters += [(f"label.{name}", value) for name, value in (labels or {}).items()]
    return tuple(parameters)


def events(job_id: str) -> Call[Page[Event]]:
    return _paging(Request("GET", _job_path(job_id, "/events"), (("limit", "100"),)), "events", Event)


def _posting(path: str, fields: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None) -> Call[Job]:
    """The body is made once: whoever sends it again sends the same bytes."""
    given = {name: value for name, value in (fields or {}).items() if value is not None}
    body = json.dumps(given).encode() if given else b""
    kind = {"Content-Type": "application/json"} if given else {}
    return Call(Request("POST", path, (), {**kind, **(headers or {})}, body), read_job)


def _paging(request: Request, name: str, model: type[Model]) -> Call[Page[Model]]:
    """A page, which leads to the next one by its cursor."""

    def read(reply: Reply) -> Page[Model]:
        items, cursor = read_page(reply, name, model)
        if not cursor:
            return Page(items, None)
        others = tuple(pair for pair in request.parameters if pair[0] != "cursor")
        return Page(items, _paging(replace(request, parameters=(*others, ("cursor", cursor))), name, model))

    return Call(request, read)


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


def checked_key(idempotency_key: str) -> str:
    """It travels in a header; the queue's door takes the same."""
    if not (idempotency_key.isascii() and idempotency_key.isprintable() and 1 <= len(idempotency_key) <= 255):
        raise ValueError("idempotency_key: expected 1 to 255 printable ASCII characters")
    return idempotency_key

"""Requests to Apiframe v2 as bytes, and its answers as values: no I/O here.

`decipher_submission` and `decipher_lookup` sort every answer of the dossier's error table (section 3) into one typed
result. A reader of a result never sees a status code.
"""

import base64
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from tracker.apiframe.reading import (
    STATUSES,
    Unreadable,
    read_count,
    read_error,
    read_json,
    read_lookup,
    read_moment,
)
from tracker.events import Accepted, Report
from tracker.ids import as_uuid
from tracker.job import Status

ACTION_PATH = "/v2/images/midjourney/action"
INPAINT_CREDITS = 16
WEBHOOK_EVENTS = ("progress", "completed", "failed")
DEFAULT_RETRY_AFTER = 5.0
SHORTEST_RETRY_AFTER = 1.0
LONGEST_RETRY_AFTER = 3600.0
MAX_TEXT = 500


@dataclass(frozen=True)
class Rejected:
    """400, 404, 409 and their kin: this job will never be taken. `message` is upstream's text, with its details."""

    status_code: int
    message: str


@dataclass(frozen=True)
class InsufficientCredits:
    """402; the numbers are credits, None where upstream did not say."""

    required: int | None
    available: int | None
    message: str


@dataclass(frozen=True)
class Unauthorized:
    """401 or 403: the key is missing, unknown, revoked, inactive, or lacks permission. Never the job's fault."""

    status_code: int
    message: str


@dataclass(frozen=True)
class EdgeBlock:
    """A refusal that is not upstream's own JSON: something in front of it. Neither the key's nor the job's fault."""

    status_code: int
    message: str


@dataclass(frozen=True)
class RateLimited:
    """429; nothing was taken. `retry_after` in seconds."""

    retry_after: float


@dataclass(frozen=True)
class TryAgain:
    """Nothing was taken, and it may go through later. `retry_after` in seconds where upstream said so."""

    message: str
    retry_after: float | None = None


@dataclass(frozen=True)
class OutcomeUnknown:
    """The submission may or may not have been taken: only the same key with the same bytes may follow it."""

    message: str


@dataclass(frozen=True)
class Missing:
    """404 on a lookup."""


@dataclass(frozen=True)
class Garbled:
    """A lookup found something, and it cannot be read: a status that nobody knows, say."""

    message: str


@dataclass(frozen=True)
class Account:
    """What `GET /v2/me` tells of the key's team; `credits` is None where the key belongs to none."""

    credits: int | None


@dataclass(frozen=True)
class Listing:
    """A page of upstream's own list, newest first: ids with the time of creation, and the cursor of the next page."""

    jobs: tuple[tuple[str, datetime], ...]
    next_cursor: str | None


Hindrance = InsufficientCredits | Unauthorized | EdgeBlock | RateLimited | TryAgain
SubmissionResult = Accepted | Rejected | OutcomeUnknown | Hindrance
LookupResult = Report | Missing | Garbled | Hindrance
AccountResult = Account | Hindrance
ListResult = Listing | Hindrance


def inpaint_request(parent_job_id: str, mask: bytes, prompt: str | None, webhook_url: str | None) -> bytes:
    """A submission's body. The same arguments give the same bytes: the Idempotency-Key is bound to them."""
    request: dict[str, Any] = {"action": "inpaint", "parentJobId": parent_job_id}
    request["mask"] = base64.b64encode(mask).decode()
    if prompt is not None:
        request["prompt"] = prompt
    if webhook_url is not None:
        request |= {"webhookUrl": webhook_url, "webhookEvents": list(WEBHOOK_EVENTS)}
    return json.dumps(request, separators=(",", ":")).encode()


def decipher_submission(status_code: int, headers: Mapping[str, str], body: bytes) -> SubmissionResult:
    """`headers` by lower-case name. Whatever is not clearly a refusal is an unknown outcome."""
    document = _object(body)
    if 200 <= status_code < 300:
        return _accepted(document) or OutcomeUnknown(f"{status_code} without a jobId")
    hindrance = _hindrance(status_code, headers, document)
    if hindrance is not None:
        return hindrance
    if 400 <= status_code < 500 and status_code != 408:
        return Rejected(status_code, _text(document, status_code))
    if 300 <= status_code < 400:
        return TryAgain(f"{status_code}: a redirect; check APIFRAME_BASE_URL")
    return OutcomeUnknown(f"{status_code} from upstream or a gateway in front of it")


def decipher_lookup(status_code: int, headers: Mapping[str, str], body: bytes) -> LookupResult:
    document = _object(body)
    if status_code == 200:
        return _found(body)
    if status_code == 404 and document is not None:
        return Missing()
    return _hindrance(status_code, headers, document) or TryAgain(_text(document, status_code), retry_after(headers))


def decipher_account(status_code: int, headers: Mapping[str, str], body: bytes) -> AccountResult:
    document = _object(body)
    if status_code == 200 and document is not None:
        team = document.get("team")
        return Account(read_count(team.get("credits")) if isinstance(team, dict) else None)
    return _hindrance(status_code, headers, document) or TryAgain(_text(document, status_code), retry_after(headers))


def decipher_list(status_code: int, headers: Mapping[str, str], body: bytes) -> ListResult:
    document = _object(body)
    if status_code == 200 and document is not None and isinstance(jobs := document.get("jobs"), list):
        cursor = document.get("nextCursor")
        return Listing(tuple(filter(None, map(_listed, jobs))), cursor if isinstance(cursor, str) else None)
    return _hindrance(status_code, headers, document) or TryAgain(_text(document, status_code), retry_after(headers))


def _listed(job: Any) -> tuple[str, datetime] | None:
    given = job if isinstance(job, dict) else {}
    job_id, created = as_uuid(str(given.get("id"))), read_moment(given.get("createdAt"))
    return (job_id, created) if job_id and created else None


def _accepted(document: Mapping[str, Any] | None) -> Accepted | None:
    job_id = as_uuid(str((document or {}).get("jobId")))
    if job_id is None:
        return None
    return Accepted(job_id, STATUSES.get(str((document or {}).get("status")).upper(), Status.QUEUED))


def _found(body: bytes) -> LookupResult:
    try:
        return read_lookup(body)
    except Unreadable as error:
        text = f"an answer that cannot be read: {error}"
        return TryAgain(text) if _object(body) is None else Garbled(text)


def _hindrance(status_code: int, headers: Mapping[str, str], document: Mapping[str, Any] | None) -> Hindrance | None:
    match status_code:
        case 401:
            return Unauthorized(status_code, _text(document, status_code))
        case 402:
            given = document or {}
            required, available = (read_count(given.get(name)) for name in ("creditsRequired", "creditsAvailable"))
            return InsufficientCredits(required, available, _text(document, status_code))
        case 403 if document is not None:
            return Unauthorized(status_code, _text(document, status_code))
        case 403 | 404 | 405 if document is None:
            return EdgeBlock(
                status_code, f"{status_code} without JSON: a block in front of Apiframe, or a wrong address"
            )
        case 429:
            return RateLimited(retry_after(headers) or DEFAULT_RETRY_AFTER)
        case 503 if document is not None:
            return TryAgain(_text(document, status_code), retry_after(headers))
        case _:
            return None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds from `Retry-After`, bounded, since a worker obeys it. A date is measured against the answer's own."""
    value = headers.get("retry-after", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        until, now = _date(value), _date(headers.get("date", ""))
        seconds = (until - now).total_seconds() if until and now else math.nan
    return None if math.isnan(seconds) else min(max(seconds, SHORTEST_RETRY_AFTER), LONGEST_RETRY_AFTER)


def _date(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _object(body: bytes) -> Mapping[str, Any] | None:
    try:
        return read_json(body)
    except Unreadable:
        return None


def _text(document: Mapping[str, Any] | None, status_code: int) -> str:
    """Upstream's words, and which fields it names; a status alone where it said nothing."""
    given = document or {}
    details = given.get("details")
    parts = [read_error(given) or f"HTTP {status_code}"]
    if isinstance(details, dict):
        parts += [f"{path}: {_joined(messages)}" for path, messages in details.items()]
    return "; ".join(parts)[:MAX_TEXT]


def _joined(messages: Any) -> str:
    return ", ".join(map(str, messages)) if isinstance(messages, list) else str(messages)

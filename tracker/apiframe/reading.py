"""Upstream's JSON, read tolerantly into a `Report`: a webhook's body, and the answer to a lookup.

Both carry the same facts under partly different names, and no two documents agree on all of them (dossier, sections
2.3, 4, 5 and 13): hence aliases, and no field that a reader insists on but the job's id and something that says how
it stands. A body that lacks those, or says a word nobody knows, is Unreadable: kept whole, for a person.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic_core import from_json

from tracker.apiframe.signature import Delivery
from tracker.events import Report
from tracker.ids import as_uuid
from tracker.job import Result, Source, Status

MAX_TEXT = 2000
MAX_URLS = 16
MAX_URL = 2048
MAX_REST = 4000

EVENTS = {"progress": Status.PROCESSING, "completed": Status.COMPLETED, "failed": Status.FAILED}
STATUSES = {status.value: status for status in Status if status is not Status.PENDING}
_ID = ("jobId", "id", "job_id", "task_id")
_ERROR = ("error", "message", "error_message")
_GRID = ("gridUrl", "grid_url")
_KNOWN = {"event", "type", "status", "progress", "result", "creditCost", "completedAt", "expired", "input",
          "createdAt", "model", *_ID, *_ERROR}  # fmt: skip

Document = Mapping[str, Any]


class Unreadable(ValueError):
    """Genuine, and yet not to be understood; the message says why, for the operator."""


def read_delivery(delivery: Delivery) -> Report:
    """Raises Unreadable. The body's `status` is trusted over its `event`; headers are not signed and not asked."""
    document = _document(delivery.body)
    return _report(document, _delivered_status(document), Source.WEBHOOK, delivery.fingerprint)


def read_lookup(document: Document) -> Report:
    """Reads `GET /v2/jobs/{id}`. Raises Unreadable."""
    status = STATUSES.get(_word(document, "status").upper())
    if status is None:
        raise Unreadable(f"unknown status {document.get('status')!r:.80}")
    return _report(document, status, Source.POLL, b"")


def _document(body: bytes) -> Document:
    try:
        document = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise Unreadable(f"not JSON: {error}") from None
    if not isinstance(document, dict):
        raise Unreadable("not a JSON object")
    return document


def _delivered_status(document: Document) -> Status:
    event = _word(document, "event") or _word(document, "type")
    status = _word(document, "status").upper()
    if event and event.lower() not in EVENTS:
        raise Unreadable(f"unknown event {event!r:.80}")
    if status and status not in STATUSES:
        raise Unreadable(f"unknown status {status!r:.80}")
    if not (event or status):
        raise Unreadable("neither event nor status")
    return STATUSES[status] if status else EVENTS[event.lower()]


def _report(document: Document, status: Status, source: Source, fingerprint: bytes) -> Report:
    result, rest = read_result(document.get("result"))
    return Report(
        source=source,
        upstream_job_id=_job_id(document),
        status=status,
        progress=_progress(document.get("progress")),
        result=result,
        error=_error(document) if status is Status.FAILED else None,
        credit_cost=_count(document.get("creditCost")),
        completed_at=_moment(document.get("completedAt")),
        expired=document.get("expired") is True,
        origin=_origin(document.get("input")),
        rest=_bounded({**rest, **{name: value for name, value in document.items() if name not in _KNOWN}}),
        fingerprint=fingerprint,
    )


def read_result(result: Any) -> tuple[Result | None, Document]:
    """`(None, rest)` where no URL is found. Takes an object, a bare URL, a list of URLs, null; keeps what else came."""
    if isinstance(result, str):
        result = [result]
    if isinstance(result, list):
        result = {"images": result}
    if not isinstance(result, dict):
        return None, {} if result is None else {"result": result}
    images = tuple(url for url in _as_list(result.get("images")) if _is_url(url))[:MAX_URLS]
    grid = next((result[name] for name in _GRID if _is_url(result.get(name))), None)
    rest = {name: value for name, value in result.items() if name not in ("images", *_GRID)}
    found = Result(images=images, grid_url=grid) if images or grid else None
    return found, {"result": rest} if rest else {}


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _is_url(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(("https://", "http://")) and len(value) <= MAX_URL


def _word(document: Document, name: str) -> str:
    value = document.get(name)
    return value.strip() if isinstance(value, str) else "" if value is None else repr(value)[:80]


def _job_id(document: Document) -> str:
    for name in _ID:
        if document.get(name) is not None:
            job_id = as_uuid(str(document[name]))
            if job_id is None:
                raise Unreadable(f"{name} is not a UUID")
            return job_id
    raise Unreadable("no job id")


def _progress(value: Any) -> int | None:
    """0-100, also from a float or a number in a string; None for what is no number."""
    try:
        return min(100, max(0, int(float(value)))) if not isinstance(value, bool) else None
    except (TypeError, ValueError, OverflowError):
        return None


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31 else None


def _moment(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None


def _error(document: Document) -> str | None:
    for name in _ERROR:
        value = document.get(name)
        if isinstance(value, dict):
            value = value.get("message") or value.get("error") or value.get("code")
        if isinstance(value, str) and value.strip():
            return value.strip()[:MAX_TEXT]
    return None


def _origin(submitted: Any) -> dict[str, str]:
    """What a stranger was made from; the names are the record's."""
    names = ("action", "parentJobId", "prompt")
    given = submitted if isinstance(submitted, dict) else {}
    return {name: given[name][:MAX_TEXT] for name in names if isinstance(given.get(name), str)}


def _bounded(rest: Document) -> Document:
    """What is kept in the history, unless it is too much to keep."""
    return rest if len(repr(rest)) <= MAX_REST else {"omitted": f"{len(repr(rest))} characters of further fields"}

"""Upstream's JSON, read tolerantly into a `Report`: a webhook's body, and the answer to a lookup.

Both carry the same facts under partly different names, and no two documents agree on all of them (dossier, sections
2.3, 4, 5 and 13): hence aliases, and no field that a reader insists on but the job's id and something that says how
it stands. A body that lacks those, or says a word nobody knows, is Unreadable: kept whole, for a person.
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from pydantic_core import from_json

from tracker.apiframe.signature import Delivery
from tracker.events import Report
from tracker.ids import as_uuid
from tracker.job import Result, Source, Status

MAX_TEXT = 2000
MAX_WORD = 80
EARLIEST_YEAR = 2020
MAX_URLS = 16
MAX_URL = 2048
MAX_REST = 4000
WORDS_KNOWN = 64
"""What so many combinations of words say is remembered: upstream has three."""

EVENTS = {"progress": Status.PROCESSING, "completed": Status.COMPLETED, "failed": Status.FAILED}
_BARE = frozenset({"event", "type", "status", "progress", "model", "jobId"})
_WITH_ERROR = (Status.FAILED, Status.CANCELLED)
STATUSES = {status.value: status for status in Status if status is not Status.PENDING}
_ID = ("jobId", "id", "job_id")
_ERROR = ("error", "message", "error_message")
_IN_ERROR = ("message", "error", "code")
_GRID = ("gridUrl", "grid_url")
_KNOWN = {"event", "type", "status", "progress", "result", "creditCost", "completedAt", "expired", "input",
          "createdAt", "model", *_ID, *_ERROR}  # fmt: skip

_URL = re.compile(r"https?://[^\s\x00-\x20\x7f]+", re.IGNORECASE)
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)

Document = Mapping[str, Any]


class Unreadable(ValueError):
    """Genuine, and yet not to be understood; the message says why, for the operator."""


def read_delivery(delivery: Delivery) -> Report:
    """Raises Unreadable. The body's `status` is trusted over its `event`; headers are not signed and not asked."""
    return report_of(read_json(delivery.body), delivery.fingerprint)


def report_of(document: Document, fingerprint: bytes) -> Report:
    """The same of a body that was parsed already."""
    return _report(document, *_standing_of(document), Source.WEBHOOK, fingerprint)


def event_of(document: Document) -> str | None:
    """The event that a body names, whether anybody knows it or not; None where it names none."""
    return _event(document)[:MAX_WORD] or None


def read_lookup(body: bytes) -> Report:
    """Reads the answer of `GET /v2/jobs/{id}`. Raises Unreadable."""
    document = read_json(body)
    status = STATUSES.get(_word(document.get("status")).upper())
    if status is None:
        raise Unreadable(f"unknown status {document.get('status')!r:.80}")
    return _report(document, status, _dissent(_event(document), status), Source.POLL, b"")


def read_json(body: bytes) -> Document:
    """Raises Unreadable for what is no JSON object. Half an emoji, left where JavaScript cut a text, becomes U+FFFD."""
    try:
        try:
            document = from_json(body, allow_inf_nan=False)
        except ValueError:
            document = from_json(_ESCAPE.sub(_whole_character, body), allow_inf_nan=False)
    except ValueError as error:
        raise Unreadable(f"not JSON: {error}") from None
    if not isinstance(document, dict):
        raise Unreadable("not a JSON object")
    return document


def _whole_character(escape: re.Match[bytes]) -> bytes:
    return b"\\ufffd" if escape[1] else escape[0]


def _standing_of(document: Document) -> tuple[Status, Document]:
    """How a delivery says that its job stands, and what of it contradicts that. Raises Unreadable."""
    words = document.get("event"), document.get("type"), document.get("status")
    try:
        return _standing(*words)
    except TypeError:  # a list, or an object, where a word should be
        return _standing.__wrapped__(*words)


@lru_cache(WORDS_KNOWN)
def _standing(event: Any, type_: Any, status: Any) -> tuple[Status, Document]:
    told, word = _word(event) or _word(type_), _word(status).upper()
    if told and told.lower() not in EVENTS:
        raise Unreadable(f"unknown event {told!r:.80}")
    if word and word not in STATUSES:
        raise Unreadable(f"unknown status {status!r:.80}")
    if not (told or word):
        raise Unreadable("neither event nor status")
    standing = STATUSES[word] if word else EVENTS[told.lower()]
    return standing, _dissent(told, standing)


def _report(document: Document, status: Status, dissent: Document, source: Source, fingerprint: bytes) -> Report:
    """Most of what comes is mere progress, in which there is nothing else to look for."""
    if document.keys() <= _BARE:
        return Report(
            source, _job_id(document), status, _progress(document.get("progress")),
            rest=dissent, fingerprint=fingerprint, is_bare=not dissent,
        )  # fmt: skip
    result, rest = read_result(document.get("result"))
    submitted = document.get("input")
    return Report(
        source=source,
        upstream_job_id=_job_id(document),
        status=status,
        progress=_progress(document.get("progress")),
        result=result,
        error=read_error(document) if status in _WITH_ERROR else None,
        credit_cost=read_count(document.get("creditCost")),
        completed_at=read_moment(document.get("completedAt")),
        expired=document.get("expired") is True,
        origin=_origin(submitted) if submitted else {},
        webhook_url=_webhook_url(submitted) if submitted else None,
        rest=_bounded({**rest, **dissent, **_unknown(document)}),
        fingerprint=fingerprint,
    )


def read_result(result: Any) -> tuple[Result | None, dict[str, Any]]:
    """`(None, rest)` where no URL is found. Takes an object, a bare URL, a list of URLs, null; keeps what else came."""
    if result is None:
        return None, {}
    if isinstance(result, str):
        result = [result]
    if isinstance(result, list):
        result = {"images": result}
    if not isinstance(result, dict):
        return None, {"result": result}
    listed = _as_list(result.get("images"))
    images = tuple(url for url in listed if _is_url(url))[:MAX_URLS]
    grid = next((result[name] for name in _GRID if _is_url(result.get(name))), None)
    rest = {name: value for name, value in result.items() if name != "images" and not (name in _GRID and value == grid)}
    if others := [value for value in listed if not _is_url(value)]:
        rest["images"] = others
    found = Result(images=images, grid_url=grid) if images or grid else None
    return found, {"result": rest} if rest else {}


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _is_url(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= MAX_URL and _URL.fullmatch(value) is not None


def _event(document: Document) -> str:
    return _word(document.get("event")) or _word(document.get("type"))


def _word(value: Any) -> str:
    return value.strip() if isinstance(value, str) else "" if value is None else repr(value)[:MAX_WORD]


def _job_id(document: Document) -> str:
    given = document.get("jobId")
    if type(given) is str and (job_id := as_uuid(given)):
        return job_id
    for name in _ID:
        if document.get(name) is not None:
            job_id = as_uuid(str(document[name]))
            if job_id is None:
                raise Unreadable(f"{name} is not a UUID")
            return job_id
    raise Unreadable("no job id")


def _progress(value: Any) -> int | None:
    """0-100, also from a float or a number in a string; None for what is no number."""
    if type(value) is int:
        return min(100, max(0, value))
    try:
        return min(100, max(0, int(float(value)))) if not isinstance(value, bool) else None
    except (TypeError, ValueError, OverflowError):
        return None


def read_count(value: Any) -> int | None:
    """A whole number that is no less than 0 and fits 32 bits, else None."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31 else None


def read_moment(value: Any) -> datetime | None:
    """None for what is no time, and for a time before there was an Apiframe: the zero of some language."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
        known = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None
    return known if known.year >= EARLIEST_YEAR else None


def read_error(document: Document) -> str | None:
    """Upstream's words, be they a text or an object with a text in it; bounded."""
    given = [document.get(name) for name in _ERROR]
    texts = [value.get(name) if isinstance(value, dict) else value for value in given for name in _IN_ERROR]
    return next((text.strip()[:MAX_TEXT] for text in texts if isinstance(text, str) and text.strip()), None)


def _origin(submitted: Any) -> dict[str, str]:
    """What a stranger was made from; the names are the record's."""
    if not isinstance(submitted, dict):
        return {}
    names = ("action", "parentJobId", "prompt")
    return {name: submitted[name][:MAX_TEXT] for name in names if isinstance(submitted.get(name), str)}


def _webhook_url(submitted: Any) -> str | None:
    url = submitted.get("webhookUrl") if isinstance(submitted, dict) else None
    return url if _is_url(url) else None


def _dissent(event: str, status: Status) -> Document:
    """The event, kept where it contradicts the status: one says that the job is over, the other not, or not so."""
    told = EVENTS.get(event.lower(), status)
    return {"event": event} if told is not status and (told.is_final or status.is_final) else {}


def _unknown(document: Document) -> dict[str, Any]:
    return {name: document[name] for name in document if name not in _KNOWN} if document.keys() - _KNOWN else {}


def _bounded(rest: Document) -> Document:
    """What is kept in the history, unless it is too much to keep, or a number beyond all bounds (1e999)."""
    if not rest:
        return rest
    try:
        size = len(json.dumps(rest, allow_nan=False))
    except ValueError:
        return {"omitted": "further fields with a number that JSON cannot hold"}
    return rest if size <= MAX_REST else {"omitted": f"{size} characters of further fields"}

"""From a record straight to the JSON of its job, for what is read most: the very bytes that `Job` writes.

To make a model of it, and take that apart again, takes three times as long. `tests/store/test_spelling.py` holds either
way against the other.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeVar

from pydantic_core import from_json, to_json

from tracker.ids import made_at_ms
from tracker.job import links_of
from tracker.store.wire import whole_mask, whole_result

T = TypeVar("T")
R = TypeVar("R")
MINUTE = 60_000
_SECONDS = [f"{number:02}." for number in range(60)]
_MILLISECONDS = [f"{number:03}Z" for number in range(1_000)]


def spell(job_id: str, fields: dict[str, Any]) -> bytes:
    """`fields` are those of the record, unpacked. Raises KeyError, TypeError or ValueError for what cannot be read."""
    given = fields.get
    job = {
        "id": job_id, "upstreamJobId": given("upstreamJobId"), "action": given("action"), "owner": fields["owner"],
        "status": fields["status"], "progress": given("progress", 0), "parentJobId": given("parentJobId"),
        "prompt": given("prompt"), "labels": _labels(given("labels")), "mask": _or_none(whole_mask, given("mask")),
        "result": _or_none(whole_result, given("result")),
        "resultExpiresAt": _or_none(moment, given("resultExpiresAt")), "error": _or_none(_error, given("error")),
        "creditCost": given("creditCost"), "settledBy": given("settledBy"), "createdAt": moment(made_at_ms(job_id)),
        "submittedAt": _or_none(moment, given("submittedAt")), "startedAt": _or_none(moment, given("startedAt")),
        "completedAt": _or_none(moment, given("completedAt")), "updatedAt": moment(fields["updatedAt"]),
        "links": links_of(job_id),
    }  # fmt: skip
    return to_json(job)


def moment(milliseconds: int) -> str:
    """As `rfc3339` has it."""
    minute, rest = divmod(milliseconds, MINUTE)
    return _minute(minute) + _SECONDS[rest // 1_000] + _MILLISECONDS[rest % 1_000]


@lru_cache(4096)
def _minute(number: int) -> str:
    """Many moments share one: a date is what takes long to write."""
    return datetime.fromtimestamp(number * 60, UTC).isoformat(timespec="minutes")[:16] + ":"


def _labels(text: str | None) -> dict[str, str]:
    return dict(from_json(text)) if text else {}


def _error(text: str) -> dict[str, str]:
    error = from_json(text)
    return {"code": error["code"], "message": error["message"]}


def _or_none(read: Callable[[T], R], value: T | None) -> R | None:
    return None if value is None else read(value)

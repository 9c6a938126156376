"""From a record straight to the JSON of its job, for what is read most: the very bytes that `Job` writes.

To make a model of it, and take that apart again, takes twice as long. `tests/store/test_spelling.py` holds either
way against the other.
"""

import json
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from pydantic_core import to_json

from tracker.ids import made_at_ms
from tracker.job import Job, links_of
from tracker.store.wire import PLAIN, TIMES, whole_mask, whole_result

_PLAIN = frozenset(PLAIN)
_EMPTY: dict[str, Any] = dict.fromkeys(str(field.alias) for field in Job.model_fields.values())
"""In the order of the model."""
_EMPTY |= {"progress": 0, "labels": {}}
_NEEDED = {"owner", "status", "updatedAt"}
MINUTE = 60_000


def spell(job_id: str, fields: dict[str, Any]) -> bytes:
    """`fields` are those of the record, unpacked. Raises KeyError, TypeError or ValueError for what cannot be read."""
    if not fields.keys() >= _NEEDED:
        raise KeyError(*(_NEEDED - fields.keys()))
    job = _EMPTY | {name: value for name, value in fields.items() if name in _PLAIN}
    job["id"], job["createdAt"] = job_id, moment(made_at_ms(job_id))
    for name in TIMES:
        if name in fields:
            job[name] = moment(fields[name])
    if "labels" in fields:
        job["labels"] = dict(json.loads(fields["labels"]))
    if "mask" in fields:
        job["mask"] = whole_mask(fields["mask"])
    if "result" in fields:
        job["result"] = whole_result(fields["result"])
    if "error" in fields:
        error = json.loads(fields["error"])
        job["error"] = {"code": error["code"], "message": error["message"]}
    job["links"] = links_of(job_id)
    return to_json(job)


def moment(milliseconds: int) -> str:
    """As `rfc3339` has it."""
    minute, rest = divmod(milliseconds, MINUTE)
    return f"{_minute(minute)}{rest // 1000:02}.{rest % 1000:03}Z"


@lru_cache(4096)
def _minute(number: int) -> str:
    """Many moments share one: a date is what takes long to write."""
    return datetime.fromtimestamp(number * 60, UTC).isoformat(timespec="minutes")[:16] + ":"

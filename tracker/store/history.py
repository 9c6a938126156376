"""A job's history as it lies in its record: line after line of MessagePack, words as numbers: about 16 bytes each.

A line is [seq, ms since the job was created, source, type, status, progress, outcome, progress told, detail]. What was
told is true where it is the job's own progress after the line, a number where it is another, false where there is none.
The last one or two are left out where they tell nothing; the detail is JSON.
"""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from io import BytesIO
from typing import Any

import msgpack

from tracker.ids import made_at
from tracker.job import HistoryEntry

WORDS = (
    "api", "worker", "webhook", "poll",
    "created", "tracked", "accepted", "refused", "deferred", "expired", "overdue", "withdrawn", "missing", "lost",
    "queued", "progress", "completed_without_result", "completed", "failed", "cancelled",
    "found_completed", "found_failed", "found_cancelled",
    "PENDING", "QUEUED", "PROCESSING", "COMPLETED", "FAILED", "CANCELLED",
    "applied", "duplicate", "stale", "noted", "conflict", "adopted", "quarantined",
)  # fmt: skip
"""A word's number is its place, which never changes: new ones come behind."""


def words() -> str:
    """The numbers as Lua: `WORDS.webhook` is 2."""
    return f"local WORDS = {{ {', '.join(f'{word} = {number}' for number, word in enumerate(WORDS))} }}\n"


def read_history(job_id: str, packed: bytes) -> list[HistoryEntry]:
    """Oldest first."""
    return [HistoryEntry.model_validate(line) for line in _lines(made_at(job_id), packed)]


def _lines(created: datetime, packed: bytes) -> Iterator[dict[str, Any]]:
    for seq, later, source, type_, status, progress, outcome, *more in msgpack.Unpacker(BytesIO(packed)):
        yield {
            "seq": seq, "at": created + timedelta(milliseconds=later), "source": WORDS[source], "type": WORDS[type_],
            "status": WORDS[status], "progress": progress, "outcome": WORDS[outcome],
            "detail": _detail(progress, *more) or None,
        }  # fmt: skip


def _detail(progress: int, told: int | bool = False, more: str = "{}") -> dict[str, Any]:
    known = {} if told is False else {"progress": progress if told is True else told}
    return {**known, **json.loads(more)}

"""Between our values and what lies in Redis: records to jobs, changes to the JSON that `apply.lua` reads."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tracker.clock import from_ms, to_ms
from tracker.ids import made_at
from tracker.job import HistoryEntry, Job
from tracker.transitions import Change

_TIMES = ("submittedAt", "startedAt", "completedAt", "updatedAt", "resultExpiresAt")
_DOCUMENTS = ("labels", "mask", "result", "error")
_PLAIN = ("upstreamJobId", "action", "owner", "status", "progress", "parentJobId", "prompt", "creditCost", "settledBy")


@dataclass(frozen=True)
class Stored:
    """A job as it was read, with the bookkeeping that the workers need. `version` grows with each visible change."""

    job: Job
    version: int
    attempts: int
    misses: int
    missing_since: datetime | None
    doubtful: bool
    """An attempt's outcome is unknown: upstream may have the job."""
    webhook_url: str | None
    rekeyed: bool = False
    """An attempt in doubt was made with another upstream key than the one in use."""
    short_of_credits: bool = False
    """Its last attempt was refused for want of credits, though the account showed enough."""

    @property
    def etag(self) -> str:
        return f'"{self.job.id}.{self.version}"'


def record_of(job: Job) -> list[str]:
    """The fields of a new job's record, name and value in turn; what is empty is not kept."""
    document = job.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"id", "created_at", "links"})
    fields: dict[str, Any] = {name: document[name] for name in _PLAIN if name in document}
    fields |= {name: _compact(document[name]) for name in _DOCUMENTS if document.get(name)}
    fields |= {"completedAt": to_ms(job.completed_at)} if job.completed_at else {}
    fields |= {"updatedAt": to_ms(job.updated_at), "version": 1, "seq": 1}
    return [str(part) for field in fields.items() for part in field]


def read_record(job_id: str, flat: Mapping[bytes, bytes] | list[bytes]) -> Stored | None:
    """A record as Redis gives it, None for an empty one."""
    if not flat:
        return None
    pairs = flat.items() if isinstance(flat, Mapping) else zip(flat[::2], flat[1::2], strict=True)
    fields = {name.decode(): value for name, value in pairs}
    document: dict[str, Any] = {name: fields[name].decode() for name in _PLAIN if name in fields}
    document |= {name: json.loads(fields[name]) for name in _DOCUMENTS if name in fields}
    document |= {name: from_ms(fields[name]) for name in _TIMES if name in fields}
    document.setdefault("action", None)
    return Stored(
        job=Job.model_validate({"id": job_id, "createdAt": made_at(job_id), **document}),
        version=int(fields.get("version", 0)),
        attempts=int(fields.get("attempts", 0)),
        misses=int(fields.get("misses", 0)),
        missing_since=from_ms(fields["missingSince"]) if int(fields.get("misses", 0)) else None,
        doubtful="doubtful" in fields,
        webhook_url=fields.get("webhookUrl", b"").decode() or None,
        rekeyed="rekeyed" in fields,
        short_of_credits=fields.get("short", b"0") == b"1",
    )


def read_history(lines: Iterable[bytes]) -> list[HistoryEntry]:
    entries = (json.loads(line) for line in lines)
    return [HistoryEntry.model_validate({**entry, "at": from_ms(entry["at"])}) for entry in entries]


def change_document(
    change: Change,
    job_id: str | None,
    *,
    silence: timedelta,
    adopt_as: str | None,
    strangers_owner: str,
    strangers_labels: Mapping[str, str] | None = None,
) -> str:
    """A change for `apply.lua`; what is empty or false is left out. `job_id` is the address; `adopt_as` the id for a
    stranger, if one may be."""
    document = {
        "jobId": job_id,
        "adoptAs": adopt_as,
        "strangersOwner": strangers_owner,
        "strangersLabels": strangers_labels and _compact(strangers_labels),
        "upstreamJobId": change.upstream_job_id,
        "type": change.kind,
        "source": change.source,
        "at": to_ms(change.at),
        "progress": change.progress,
        "put": change.put,
        "drop": change.drop,
        "fill": change.fill,
        "lower": change.lower,
        "mark": change.mark,
        "detail": change.detail and _compact(change.detail),
        "completedAt": _ms(change.completed_at),
        "resultLifetime": _span(change.result_lifetime),
        "asks": change.asks,
        "retryAt": _ms(change.retry_at),
        "freesSlot": change.frees_slot,
        "needsNoSlot": change.needs_no_slot,
        "silence": _span(silence),
    }
    return _compact({name: value for name, value in document.items() if value or (value == 0 and value is not False)})


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else to_ms(moment)


def _span(span: timedelta | None) -> int | None:
    return None if span is None else int(span.total_seconds() * 1000)


_compact = json.JSONEncoder(separators=(",", ":")).encode

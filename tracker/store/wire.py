"""Between our values and what lies in Redis: records to jobs, changes to what `apply.lua` reads.

A record is a MessagePack map by field name: numbers as numbers, times in milliseconds, texts as they are, and JSON for
what the scripts need not look into. Empty is absent.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

import msgpack
from pydantic_core import from_json

from tracker.clock import from_ms, span_ms, to_ms
from tracker.ids import made_at
from tracker.job import Job, MaskFacts, Result
from tracker.trail import NO_TRAIL, Trail
from tracker.transitions import Change, Kind

_TIMES = ("submittedAt", "startedAt", "completedAt", "updatedAt", "resultExpiresAt")
_JSON = ("labels", "error")
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
    trail: Trail = NO_TRAIL

    @property
    def etag(self) -> str:
        return etag_of(self.job.id, self.version)


def etag_of(job_id: str, version: int) -> str:
    return f'"{job_id}.{version}"'


def pack(value: Any) -> bytes:
    """As Redis' own MessagePack has it, which knows one kind of string."""
    packed: bytes = msgpack.packb(value, use_bin_type=False, unicode_errors="surrogateescape")
    return packed


def unpack(packed: bytes) -> Any:
    """Strings as text; bytes that are none come back by `as_bytes`."""
    return msgpack.unpackb(packed, unicode_errors="surrogateescape")


def as_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def record_of(job: Job, trail: Trail = NO_TRAIL) -> bytes:
    """The record of a new job."""
    document = job.model_dump(mode="json", by_alias=True, exclude_none=True)
    fields: dict[str, Any] = {name: document[name] for name in _PLAIN if name in document}
    fields |= {name: _compact(document[name]) for name in _JSON if document.get(name)}
    fields |= {"mask": short_mask(job.mask)} if job.mask else {}
    fields |= {"completedAt": to_ms(job.completed_at)} if job.completed_at else {}
    fields |= {"trail": trail.text} if trail.text else {}
    return pack(fields | {"updatedAt": to_ms(job.updated_at), "version": 1, "seq": 1})


def read_record(job_id: str, packed: bytes | None) -> Stored | None:
    """A record as Redis gives it, None for one that is not there."""
    if packed is None:
        return None
    fields = unpack(packed)
    document: dict[str, Any] = {name: fields[name] for name in _PLAIN if name in fields}
    document |= {name: json.loads(fields[name]) for name in _JSON if name in fields}
    document |= {name: from_ms(fields[name]) for name in _TIMES if name in fields}
    document |= {"mask": whole_mask(fields["mask"])} if "mask" in fields else {}
    document |= {"result": whole_result(fields["result"])} if "result" in fields else {}
    document.setdefault("action", None)
    return Stored(
        job=Job.model_validate({"id": job_id, "createdAt": made_at(job_id), **document}),
        version=fields.get("version", 0),
        attempts=fields.get("attempts", 0),
        misses=fields.get("misses", 0),
        missing_since=from_ms(fields["missingSince"]) if fields.get("misses") else None,
        doubtful="doubtful" in fields,
        webhook_url=fields["webhooks"] + job_id if fields.get("webhooks") else None,
        rekeyed="rekeyed" in fields,
        short_of_credits="short" in fields,
        trail=Trail(fields.get("trail", "")),
    )


def history_of(packed: bytes | None) -> bytes:
    """The lines of a record's history, for `read_history`."""
    return as_bytes(unpack(packed).get("history", "")) if packed else b""


def change_document(change: Change, job_id: str | None, silence: timedelta, quarantined: str = "") -> dict[str, Any]:
    """A change for `apply.lua`; what is empty or false is left out. `job_id` is the address, `quarantined` the entry
    that leaves the quarantine with this."""
    document: dict[str, Any] = {
        "type": change.kind,
        "source": change.source,
        "at": to_ms(change.at),
        "silence": _span(silence),
    }
    given = (job_id, quarantined, *_ASKED(change))
    document |= {name: value for name, value in zip(_NAMES, given, strict=True) if value}
    if change.progress is not None:
        document["progress"] = change.progress
    if change.detail:
        document["detail"] = _compact(change.detail)
    return document if change.kind is Kind.PROGRESS else document | _of_an_end(change)


_ASKED = attrgetter(
    "fingerprint", "upstream_job_id", "drop", "fill", "lower", "mark", "asks", "frees_slot", "needs_no_slot"
)
_NAMES = ("jobId", "quarantined", "fingerprint", "upstreamJobId", "drop", "fill", "lower", "mark", "asks", "freesSlot",
          "needsNoSlot")  # fmt: skip


def _of_an_end(change: Change) -> dict[str, Any]:
    """What news of mere progress never brings."""
    document = {
        "put": _written(change.put),
        "completedAt": _ms(change.completed_at),
        "resultLifetime": _span(change.result_lifetime),
        "retryAt": _ms(change.retry_at),
    }
    return {name: value for name, value in document.items() if value}


def adoption(job_id: str, owner: str, labels: Mapping[str, str]) -> dict[str, Any]:
    """What a change has besides, where it may find a stranger: his id, and whose he becomes."""
    return {
        "adoptAs": job_id,
        "strangersOwner": owner,
        **({"strangersLabels": _compact(dict(labels))} if labels else {}),
    }


def _written(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**fields, "result": short_result(fields["result"])} if "result" in fields else fields


def short_result(result: Result) -> str:
    """What all addresses begin with, once: [that, the grid's rest or null, the images' rests …]."""
    start = _common_start([*result.images, *([result.grid_url] if result.grid_url else [])])
    grid = None if result.grid_url is None else result.grid_url[len(start) :]
    return _compact([start, grid, *(image[len(start) :] for image in result.images)])


def _common_start(texts: Sequence[str]) -> str:
    """By the first and the last in order: what these two share, all between them do."""
    first, last = min(texts, default=""), max(texts, default="")
    return first[: next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))]


def whole_result(short: str) -> dict[str, Any]:
    """As `Result` is spelled."""
    start, grid, *images = from_json(short)
    return {"images": [start + image for image in images], "gridUrl": None if grid is None else start + grid}


def short_mask(mask: MaskFacts) -> bytes:
    return pack([bytes.fromhex(mask.sha256), mask.width, mask.height, mask.coverage])


def whole_mask(short: str) -> dict[str, Any]:
    """As `MaskFacts` is spelled."""
    sha256, width, height, coverage = unpack(as_bytes(short))
    return {"sha256": as_bytes(sha256).hex(), "width": width, "height": height, "coverage": coverage}


def mask_size(packed: bytes) -> tuple[int, int] | None:
    """Width and height of the mask of a record's job, None where it has none."""
    fields = unpack(packed)
    if "mask" not in fields:
        return None
    facts = whole_mask(fields["mask"])
    return facts["width"], facts["height"]


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else to_ms(moment)


def _span(span: timedelta | None) -> int | None:
    return None if span is None else span_ms(span)


_compact = json.JSONEncoder(separators=(",", ":")).encode

"""News as `apply.lua` reads it: what it asks for, who it is about, and when it came."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from tracker.clock import to_ms
from tracker.events import Event, Report
from tracker.job import Source, Status
from tracker.store.wire import change_document, pack
from tracker.transitions import plan

PLANS_KNOWN = 512
"""Of mere progress there are a hundred and one."""
_ANY_TIME = datetime.fromtimestamp(0, UTC)


def news(event: Event, now: datetime, job_id: str | None, silence: timedelta, quarantined: str = "") -> dict[str, Any]:
    """`job_id` is the address that it came to, `quarantined` the entry that leaves the quarantine with it."""
    if isinstance(event, Report) and event.is_bare and not quarantined:
        return {
            "plan": _asked_by(event.source, event.status, event.progress, silence), "jobId": job_id, "at": to_ms(now),
            "upstreamJobId": event.upstream_job_id, "fingerprint": event.fingerprint or None,
        }  # fmt: skip
    return change_document(plan(event, now), job_id, silence, quarantined)


@lru_cache(PLANS_KNOWN)
def _asked_by(source: Source, status: Status, progress: int | None, silence: timedelta) -> bytes:
    """What a bare report asks for, whose it is and when it comes left out: it depends on nothing else. Packed, since
    the script knows it by that."""
    return pack(change_document(plan(Report(source, "", status, progress), _ANY_TIME), None, silence))

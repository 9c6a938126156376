"""What a bare report asks for is remembered, and is what the state machine says of it."""

from itertools import product
from typing import Any

import pytest

from tests.samples import SILENCE
from tracker.clock import utc_now
from tracker.events import Report
from tracker.job import Source, Status
from tracker.store.news import news
from tracker.store.wire import as_bytes, change_document, pack, unpack
from tracker.transitions import plan

JOB, UPSTREAM = "0190a5a0-0000-7000-8000-000000000000", "7f0c2a5e-4b1d-4c6e-9f3a-2b8d1e5c7a90"
STATUSES = [status for status in Status if status is not Status.PENDING]


def reports(**more: object) -> list[Report]:
    return [
        Report(source, UPSTREAM, status, progress, fingerprint=b"12345678", **more)  # type: ignore[arg-type]
        for source, status, progress in product((Source.WEBHOOK, Source.POLL), STATUSES, (None, 0, 41, 100))
    ]


def read(asked: dict[str, Any]) -> Any:
    """As the script reads it: what it says itself comes before what it shares with others."""
    given = unpack(pack(asked))
    shared = given.pop("plan", None)
    return (unpack(as_bytes(shared)) | given) if shared else given


@pytest.mark.parametrize("report", reports(is_bare=True), ids=str)
def test_a_bare_report_asks_for_what_the_state_machine_says(report: Report) -> None:
    """Also the second time, of another job and at another moment."""
    news(Report(report.source, "another", report.status, report.progress, is_bare=True), utc_now(), None, SILENCE)
    now = utc_now()
    assert read(news(report, now, JOB, SILENCE)) == read(change_document(plan(report, now), JOB, SILENCE))


def test_whoever_gets_news_may_change_it() -> None:
    """What is remembered stays as it is."""
    report, now = reports(is_bare=True)[0], utc_now()
    news(report, now, JOB, SILENCE)["progress"] = 99
    assert read(news(report, now, JOB, SILENCE)) == read(change_document(plan(report, now), JOB, SILENCE))


def test_what_leaves_the_quarantine_says_so_however_bare() -> None:
    report, now = reports(is_bare=True)[0], utc_now()
    assert news(report, now, JOB, SILENCE, "1-0")["quarantined"] == "1-0"

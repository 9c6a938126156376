"""What is read at the end: the tables, and whoever a promise was broken to."""

from collections import Counter

import pytest
from rich.console import Console

from tests.soak.evidence import Evidence
from tests.soak.plan import How, Plan
from tests.soak.report import show
from tests.soak.test_verdicts import ID, UP, evidence, job, told
from tests.soak.verdicts import verdicts
from tracker.job import Status


def shown(found: Evidence, capsys: pytest.CaptureFixture[str]) -> str:
    show(Console(width=118), Plan(60, 1), found, verdicts(found))
    return capsys.readouterr().out


def test_it_counts_what_happened(capsys: pytest.CaptureFixture[str]) -> None:
    """Each kind by itself, the most frequent first."""
    strikes = Counter({"submit_504": 2, "webhook_dropped": 1200})
    told_of = shown(evidence(strikes=strikes, blows=Counter({(How.KILLED, "redis"): 7}), told=told(repeated=3)), capsys)
    for words in ("1,200 webhook dropped, 2 taken, answered 504", "7 redis", "3 the same job", "4 200", "1 COMPLETED"):
        assert words in told_of
    assert "BROKEN" not in told_of


def test_it_names_whoever_a_promise_was_broken_to(capsys: pytest.CaptureFixture[str]) -> None:
    """With the job, its history and upstream's word."""
    told_of = shown(evidence(ours=job(status=Status.FAILED)), capsys)
    assert "BROKEN: every job is as upstream has it" in told_of
    for words in (ID, '"seq":4', f"upstream: [{{'id': '{UP}'"):
        assert words in told_of

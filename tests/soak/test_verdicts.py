"""A promise that could not be broken would be none: each is shown evidence of the one thing that breaks it."""

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.samples import RESULT, START, pending_job, upstream_id
from tests.soak.callers import Told
from tests.soak.evidence import Evidence, Ours, Upstream, misjudged
from tests.soak.verdicts import PROMISES, verdicts
from tracker.job import Failure, FailureCode, HistoryEntry, Job, Outcome, Source, Status
from tracker.store.wire import Stored

UP = upstream_id()
SECOND = timedelta(seconds=1)
COMPLETED: Job = pending_job(START, prompt="wish 0").model_copy(
    update={
        "status": Status.COMPLETED, "upstream_job_id": UP, "progress": 100, "result": RESULT, "credit_cost": 16,
        "submitted_at": START + SECOND, "started_at": START + 2 * SECOND, "completed_at": START + 3 * SECOND,
    }
)  # fmt: skip
ID = COMPLETED.id
STEPS = ((Status.PENDING, 0), (Status.QUEUED, 0), (Status.PROCESSING, 50), (Status.COMPLETED, 100))


def entry(number: int, status: Status, progress: int) -> HistoryEntry:
    return HistoryEntry(
        seq=number, at=START + number * SECOND, source=Source.WEBHOOK, type="news", status=status, progress=progress,
        outcome=Outcome.APPLIED,
    )  # fmt: skip


HISTORY = [entry(number, *step) for number, step in enumerate(STEPS, 1)]


def ours(job: Job = COMPLETED, history: list[HistoryEntry] = HISTORY) -> Ours:
    stored = Stored(
        job=job, version=4, attempts=1, misses=0, missing_since=None, doubtful=False, webhook_url="http://here/"
    )
    return Ours(stored, history)


def theirs(job_id: str = UP, **fields: Any) -> dict[str, Any]:
    document = {"action": "inpaint", "prompt": "wish 0", "webhookUrl": f"http://here/{ID}"}
    result = RESULT.model_dump(mode="json", by_alias=True)
    known = {"id": job_id, "status": "COMPLETED", "result": result, "error": None, "creditCost": 16, "input": document}
    return {**known, "endedAt": "2026-03-15T10:00:03.000Z", **fields}


def upstream(*jobs: dict[str, Any], charges: int = 1) -> Upstream:
    every = jobs or (theirs(),)
    return Upstream(every, Counter({job["id"]: charges for job in every}), Counter({"200": 4}))


def told(**fields: Any) -> Told:
    ids = defaultdict(set, {"wish 0": {ID}})
    return Told(**{"asked": {"wish 0"}, "ids": ids, **fields})


def evidence(**fields: Any) -> Evidence:
    good = Evidence(told=told(), calm_at=START, ours={ID: ours()}, upstream=upstream())
    return replace(good, **fields)


def job(**fields: Any) -> dict[str, Ours]:
    return {ID: ours(COMPLETED.model_copy(update=fields))}


def history(*entries: HistoryEntry) -> dict[str, Ours]:
    return {ID: ours(history=list(entries))}


def inferred() -> Evidence:
    """We say that it failed, and upstream too, yet these are not upstream's words."""
    failure = Failure(code=FailureCode.LOST, message="Provider returned an error")
    failed = job(status=Status.FAILED, result=None, credit_cost=0, error=failure)
    truth = theirs(status="FAILED", result=None, creditCost=0, error="Provider returned an error")
    return evidence(ours=failed, upstream=upstream(truth))


OTHER = pending_job(START, prompt="wish 0").id
NONE_UPSTREAM = Upstream((), Counter(), Counter())
SPOILED: list[tuple[str, Evidence, str]] = [
    ("nothing that was answered 202 is lost", evidence(ours={}, upstream=NONE_UPSTREAM), ID),
    ("nothing is taken twice", evidence(told=told(ids=defaultdict(set, {"wish 0": {ID, OTHER}}))), OTHER),
    ("nothing is taken twice", evidence(ours={ID: ours(), OTHER: ours()}), OTHER),
    ("nothing is charged twice", evidence(upstream=upstream(theirs(), theirs(OTHER))), OTHER),
    ("nothing is charged twice", evidence(upstream=upstream(charges=2)), UP),
    ("every job is as upstream has it", evidence(upstream=NONE_UPSTREAM), ID),
    ("every job is as upstream has it", evidence(upstream=upstream(theirs(), theirs(OTHER))), OTHER),
    ("every job is as upstream has it", evidence(upstream=upstream(theirs(status="FAILED"))), ID),
    ("every job is as upstream has it", evidence(ours=job(result=None)), ID),
    ("every job is as upstream has it", evidence(ours=job(credit_cost=None)), ID),
    ("every job is as upstream has it", evidence(ours=job(prompt="wish 1")), ID),
    ("every job is as upstream has it", inferred(), ID),
    ("no history goes backwards", evidence(ours=history(*HISTORY, entry(5, Status.FAILED, 100))), ID),
    ("no history goes backwards", evidence(ours=history(*HISTORY, entry(5, Status.PROCESSING, 100))), ID),
    ("no history goes backwards", evidence(ours=history(entry(1, *STEPS[2]), entry(2, *STEPS[1]))), ID),
    ("no history goes backwards", evidence(ours=history(*HISTORY[:3], entry(4, Status.PROCESSING, 49))), ID),
    ("no history goes backwards", evidence(ours=history(*HISTORY, HISTORY[-1])), ID),
    ("created ≤ submitted ≤ started ≤ completed", evidence(ours=job(started_at=START)), ID),
    ("all is settled within 60 s of the last fault", evidence(calm_at=START - 60 * SECOND), ID),
    ("all is settled within 60 s of the last fault", evidence(ours=job(status=Status.PROCESSING)), ID),
    ("every caller is answered, and none refused", evidence(told=told(asked={"wish 0", "wish 1"})), "wish 1"),
    ("every caller is answered, and none refused", evidence(told=told(refused=["wish 0: 409"])), "wish 0: 409"),
    ("no mask is left in Redis", evidence(leftovers=["a key"]), "a key"),
    ("every key has a lifetime or a reason", evidence(untimed=["a key"]), "a key"),
    ("indexes agree with records", evidence(disagreement="an index"), "an index"),
    ("whatever Apiframe signed is accepted, and nothing else",
     evidence(upstream=replace(upstream(), misjudged=["#1 failed → 401"])), "#1 failed → 401"),
    ("no error, key or mask in a log, no process ends by itself", evidence(troubles=["an error"]), "an error"),
]  # fmt: skip


def test_what_is_well_is_called_well() -> None:
    """A verdict on each promise, and no offender."""
    judged = verdicts(evidence())
    assert [verdict.promise for verdict in judged] == list(PROMISES)
    assert [verdict for verdict in judged if not verdict.kept] == []


@pytest.mark.parametrize(("promise", "spoiled", "offender"), SPOILED)
def test_whoever_it_was_broken_to_is_named(promise: str, spoiled: Evidence, offender: str) -> None:
    """Job by job; other promises may be broken along with it."""
    [verdict] = [verdict for verdict in verdicts(spoiled) if verdict.promise == promise]
    assert not verdict.kept
    assert offender in verdict.offenders


def test_every_promise_is_spoiled_above() -> None:
    """So that none is added which cannot be broken."""
    assert {promise for promise, _, _ in SPOILED} == set(PROMISES)


@pytest.mark.parametrize(
    ("faults", "outcome", "wrong"),
    [
        ([], "200", False),
        (["duplicated"], "401", True),
        (["forged"], "401", False),
        (["unsigned", "duplicated"], "200", True),
        (["forged"], "503", False),
        ([], "ConnectError", False),
    ],
)
def test_a_signature_is_judged_by_what_it_is(faults: list[str], outcome: str, wrong: bool) -> None:
    """Where there was a judgement at all."""
    assert misjudged({"faults": faults, "outcome": outcome}) is wrong

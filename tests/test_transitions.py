"""The table: total, and true to the rules that it was written from."""

from datetime import timedelta
from itertools import product

import pytest

from tests.samples import START, delivered, event_for, looked_up, upstream_id
from tracker.decision import Standing, decide
from tracker.events import Deferred, Missing, Report
from tracker.job import FINAL, Outcome, Result, Source, Status
from tracker.transitions import TABLE, Kind, State, plan

RANK = {Status.PENDING: 0, Status.QUEUED: 1, Status.PROCESSING: 2, **dict.fromkeys(FINAL, 3)}


def standing(state: State, **fields: object) -> Standing:
    status = {State.INFERRED: Status.FAILED, State.DISPUTED: Status.COMPLETED}.get(state) or Status(state.value)
    return Standing(state, status, **{"progress": 40, **fields})  # type: ignore[arg-type]


def test_every_kind_of_news_has_a_verdict_in_every_state() -> None:
    """No pair is left to chance."""
    assert set(TABLE) == set(Kind)
    assert all(set(row) == set(State) for row in TABLE.values())


@pytest.mark.parametrize("kind", Kind)
def test_the_samples_cover_every_kind(kind: Kind) -> None:
    """What `plan` makes of the sample is of the kind that it stands for."""
    assert plan(event_for(kind, upstream_id()), START).kind is kind


@pytest.mark.parametrize(("state", "kind"), list(product(State, Kind)))
def test_status_only_moves_forward(state: State, kind: Kind) -> None:
    """Save out of a state that we inferred, and by the lookup that settles a dispute."""
    before = standing(state)
    after = decide(before, plan(event_for(kind, upstream_id()), START))
    if state not in (State.INFERRED, State.DISPUTED):
        assert RANK[after.status] >= RANK[before.status]
        assert before.status not in FINAL or after.status is before.status
    if state is State.DISPUTED and after.status is not before.status:
        assert kind in (Kind.FOUND_COMPLETED, Kind.FOUND_FAILED, Kind.FOUND_CANCELLED)


@pytest.mark.parametrize(("state", "kind"), list(product(State, Kind)))
def test_only_an_applied_event_moves_a_job(state: State, kind: Kind) -> None:
    """Every other outcome leaves status and progress as they were."""
    before = standing(state)
    after = decide(before, plan(event_for(kind, upstream_id()), START))
    if after.outcome is not Outcome.APPLIED:
        assert (after.status, after.progress) == (before.status, before.progress)


@pytest.mark.parametrize("progress", [None, 0, 39, 40, 41, 100])
def test_dossier_13_08_progress_within_processing_only_grows(progress: int | None) -> None:
    """Null, a fall and a repetition move nothing; 100 is not completion."""
    after = decide(
        standing(State.PROCESSING), plan(delivered(upstream_id(), Status.PROCESSING, progress=progress), START)
    )
    assert after.progress == max(40, progress or 0)
    assert after.status is Status.PROCESSING
    expected = {None: Outcome.DUPLICATE, 0: Outcome.STALE, 39: Outcome.STALE, 40: Outcome.DUPLICATE}
    assert after.outcome is expected.get(progress, Outcome.APPLIED)


def test_dossier_13_08_a_failure_leaves_progress_where_it_was() -> None:
    """Upstream lets it fall to 0 or null with the failure."""
    after = decide(standing(State.PROCESSING), plan(delivered(upstream_id(), Status.FAILED, progress=0), START))
    assert (after.status, after.progress) == (Status.FAILED, 40)


@pytest.mark.parametrize("state", [State.COMPLETED, State.FAILED, State.CANCELLED])
def test_late_progress_never_reopens_a_final_job(state: State) -> None:
    """It is stale, and counted as such."""
    after = decide(standing(state), plan(delivered(upstream_id(), Status.PROCESSING, progress=99), START))
    assert (after.outcome, after.asks) == (Outcome.STALE, False)


def test_dossier_13_09_a_body_seen_before_is_a_duplicate_in_every_state() -> None:
    """Whatever the table would have said."""
    change = plan(delivered(upstream_id(), Status.COMPLETED), START)
    for state in State:
        before = standing(state, seen=frozenset({change.fingerprint}))
        assert decide(before, change).outcome is Outcome.DUPLICATE


@pytest.mark.parametrize(("held", "told"), [(a, b) for a, b in product(sorted(FINAL), repeat=2) if a is not b])
def test_dossier_13_10_contradictions_are_kept_and_upstream_is_asked(held: Status, told: Status) -> None:
    """The first final state stands until upstream has answered."""
    after = decide(standing(State(held)), plan(delivered(upstream_id(), told), START))
    assert (after.outcome, after.status, after.disputed, after.asks) == (Outcome.CONFLICT, held, True, True)


def test_upstream_is_asked_about_a_contradiction_only_once() -> None:
    """After its answer a further contradiction is kept, and nobody is asked."""
    after = decide(standing(State.COMPLETED, arbitrated=True), plan(delivered(upstream_id(), Status.FAILED), START))
    assert (after.outcome, after.disputed, after.asks) == (Outcome.CONFLICT, False, False)


@pytest.mark.parametrize("ruling", sorted(FINAL))
def test_a_lookup_decides_a_dispute(ruling: Status) -> None:
    """Whichever way: the disputed job was COMPLETED."""
    after = decide(standing(State.DISPUTED), plan(looked_up(upstream_id(), ruling), START))
    assert (after.status, after.disputed) == (ruling, False)
    assert after.outcome is (Outcome.NOTED if ruling is Status.COMPLETED else Outcome.APPLIED)


def test_a_lookup_that_finds_nothing_leaves_the_first_final_state() -> None:
    """Upstream cannot decide what it no longer knows."""
    after = decide(standing(State.DISPUTED), plan(Missing(3, lost=True), START))
    assert (after.outcome, after.status, after.disputed) == (Outcome.NOTED, Status.COMPLETED, False)


@pytest.mark.parametrize("told", [Status.PROCESSING, *sorted(FINAL)])
def test_what_we_inferred_gives_way_to_upstreams_own_word(told: Status) -> None:
    """Lost and expired are our guesses."""
    after = decide(standing(State.INFERRED), plan(delivered(upstream_id(), told), START))
    assert (after.outcome, after.status) == (Outcome.APPLIED, told)


def test_dossier_13_06_completed_without_a_url_settles_nothing_and_asks() -> None:
    """The lookup that follows may find the URLs, or that there are none."""
    empty = plan(delivered(upstream_id(), Status.COMPLETED, result=None), START)
    after = decide(standing(State.PROCESSING), empty)
    assert (after.outcome, after.status, after.asks) == (Outcome.NOTED, Status.PROCESSING, True)
    found = plan(looked_up(upstream_id(), Status.COMPLETED, result=None), START)
    assert decide(standing(State.PROCESSING), found).status is Status.COMPLETED
    assert found.put["result"] == Result()


def test_a_repeated_final_word_that_adds_a_fact_is_noted() -> None:
    """A poll knows the credit cost that the failed event does not carry (dossier 13, 28)."""
    change = plan(looked_up(upstream_id(), Status.FAILED, credit_cost=0), START)
    assert decide(standing(State.FAILED), change).outcome is Outcome.NOTED
    assert decide(standing(State.FAILED, filled=frozenset({"creditCost"})), change).outcome is Outcome.DUPLICATE


def test_binding_a_job_that_we_called_failed_is_a_conflict() -> None:
    """Upstream has it after all: the refusal was of a repetition."""
    change = plan(event_for(Kind.ACCEPTED, upstream_id()), START)
    after = decide(standing(State.FAILED, newly_bound=True), change)
    assert (after.outcome, after.asks) == (Outcome.CONFLICT, True)


def test_dossier_13_15_an_unknown_outcome_keeps_its_slot() -> None:
    """Upstream may have the job; a plain refusal to take it now gives the slot back."""
    later = START + timedelta(seconds=5)
    assert not plan(Deferred("504", later, outcome_unknown=True), START).frees_slot
    assert plan(Deferred("503", later), START).frees_slot


def test_dossier_13_20_cancelled_is_a_final_state_of_its_own() -> None:
    """It comes by polling alone: there is no webhook for it."""
    after = decide(standing(State.PROCESSING), plan(looked_up(upstream_id(), Status.CANCELLED), START))
    assert (after.outcome, after.status) == (Outcome.APPLIED, Status.CANCELLED)


def test_plan_reads_no_clock_and_keeps_no_state() -> None:
    """The same news at the same time asks the same."""
    report = Report(Source.WEBHOOK, upstream_id(), Status.COMPLETED, result=Result(images=("https://a/1.png",)))
    assert plan(report, START) == plan(report, START)

"""The script against the reference: every state and every kind of news, in a real Redis."""

from itertools import product

import pytest
from redis.asyncio import Redis

from tests import records
from tests.samples import SILENCE, Sample, event_for
from tracker.decision import Standing, decide
from tracker.job import Outcome
from tracker.store.keys import name
from tracker.store.wire import as_bytes
from tracker.transitions import Change, Kind, State, plan

TOLD = [kind for kind in Kind if not kind.value.startswith("found_")]
"""What may come twice. A second lookup is no repetition: it is asked again, and its answer may settle a dispute."""


async def standing(redis: Redis, sample: Sample, change: Change) -> Standing:
    """The record as the reference sees it."""
    fields = await records.read(redis, sample.job.id)
    job = await sample.now()
    state = (
        State.DISPUTED if "disputed" in fields else State.INFERRED if "inferred" in fields else State(job.status.value)
    )
    seen = as_bytes(fields.get("seen", ""))
    return Standing(
        state=state,
        status=job.status,
        progress=job.progress,
        arbitrated="arbitrated" in fields,
        newly_bound=change.upstream_job_id is not None and "upstreamJobId" not in fields,
        holds_slot=await redis.zscore(name("inflight"), sample.job.id) is not None,
        seen=frozenset(seen[i : i + 8] for i in range(0, len(seen), 8)),
        filled=frozenset(fields) & set(change.fill) | frozenset(change.lower),
    )


@pytest.mark.parametrize(("state", "kind"), list(product(State, Kind)))
async def test_the_script_does_what_the_reference_says(redis: Redis, sample: Sample, state: State, kind: Kind) -> None:
    """Outcome, status, progress, dispute, and whether upstream is asked at once."""
    await sample.in_state(state)
    event, at = event_for(kind, sample.up), next(sample.clock)
    change = plan(event, at)
    before = await standing(redis, sample, change)
    assert before.state is state
    expected = decide(before, change)

    applied = await sample.store.apply(event, at, job_id=sample.job.id, silence=SILENCE)

    fields, job = await records.read(redis, sample.job.id), await sample.now()
    assert (applied.outcome, job.status, job.progress) == (expected.outcome, expected.status, expected.progress)
    assert ("disputed" in fields) is expected.disputed
    due = await redis.zscore(name("outbox"), f"lookup:{sample.job.id}")
    assert (due == at.timestamp() * 1000) is expected.asks


@pytest.mark.parametrize(("state", "kind"), list(product(State, TOLD)))
async def test_the_second_of_two_equal_events_changes_nothing(sample: Sample, state: State, kind: Kind) -> None:
    """Whatever the first did: a replay is harmless, and every event has its line in the history."""
    await sample.in_state(state)
    event = event_for(kind, sample.up)
    await sample.apply(event)
    first = await sample.store.get(sample.job.id)
    again = await sample.apply(event)
    second = await sample.store.get(sample.job.id)
    assert first is not None
    assert second is not None
    assert again.outcome is not Outcome.APPLIED
    assert second.job == first.job
    assert second.version == first.version
    history = await sample.store.history(sample.job.id)
    assert [entry.seq for entry in history] == list(range(1, len(history) + 1))

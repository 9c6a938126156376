"""Random orders of news, from eight connections at once: whatever the order, the record is the one that the rules give.

The script writes one line of history for each event, in the order in which it took them. So the order that a race came
to is known afterwards, and the reference is led along it.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from tests import invariants
from tests.samples import SILENCE, Sample, delivered, looked_up
from tracker.decision import Standing, decide
from tracker.events import Accepted, Event, Missing, Report
from tracker.job import FINAL, HistoryEntry, Outcome, Status
from tracker.store.connection import connect
from tracker.store.jobs import JobStore
from tracker.transitions import State, plan

CONNECTIONS = 8
UP = "a1b2c3d4-e5f6-4890-abcd-ef1234567890"

progress = st.integers(0, 100).map(lambda n: delivered(UP, Status.PROCESSING, progress=n))
finals = st.sampled_from([delivered(UP, status) for status in sorted(FINAL)])
lookups = st.sampled_from([looked_up(UP, status) for status in Status if status is not Status.PENDING])
odd = st.sampled_from([delivered(UP, Status.COMPLETED, result=None), Missing(1, lost=False), Missing(3, lost=True)])
accepted = st.just(Accepted(UP, Status.QUEUED))
news: st.SearchStrategy[Event] = st.one_of(progress, progress, progress, finals, lookups, odd, accepted)


def numbered(events: Sequence[Event]) -> list[Event]:
    """Each event with a number of its own, by which its line in the history is found; copies stay copies."""
    return [replace(event, rest={"n": n}) if isinstance(event, Report) else event for n, event in enumerate(events)]


async def race(url: str, sample: Sample, events: Sequence[Event]) -> None:
    """All at once, each connection taking every eighth."""
    clients = [connect(url) for _ in range(CONNECTIONS)]
    stores = [JobStore(client, retention=SILENCE, submit_within=SILENCE) for client in clients]
    at = next(sample.clock)

    async def send(store: JobStore, share: Sequence[Event]) -> None:
        for event in share:
            await store.apply(event, at, job_id=sample.job.id, silence=SILENCE)

    shares = [send(store, events[n::CONNECTIONS]) for n, store in enumerate(stores)]
    await asyncio.gather(*shares)
    for store, client in zip(stores, clients, strict=True):
        await store.aclose()
        await client.aclose()


def along(
    history: Sequence[HistoryEntry], events: Sequence[Event], sample: Sample
) -> list[tuple[Outcome, Status, int]]:
    """What the reference makes of the events in the order of the history."""
    waiting = list(events)
    standing, bound, filled, steps = Standing(State.PENDING, Status.PENDING), False, frozenset[str](), []
    for entry in history:
        event = next(event for event in waiting if matches(entry, event))
        waiting.remove(event)
        change = plan(event, entry.at)
        binds = change.upstream_job_id is not None and not bound
        decision = decide(replace(standing, newly_bound=binds, filled=filled), change)
        steps.append((decision.outcome, decision.status, decision.progress))
        if decision.outcome in (Outcome.APPLIED, Outcome.NOTED, Outcome.DUPLICATE):
            filled |= set(change.fill)
        bound = bound or binds
        standing = Standing(
            state=state_after(standing, decision.disputed, decision.outcome, decision.status, entry.type),
            status=decision.status,
            progress=decision.progress,
            arbitrated=standing.arbitrated or (standing.state is State.DISPUTED and not decision.disputed),
            seen=standing.seen | {change.fingerprint} if change.fingerprint else standing.seen,
        )
    assert not waiting
    return steps


def matches(entry: HistoryEntry, event: Event) -> bool:
    if entry.type != plan(event, entry.at).kind:
        return False
    return not isinstance(event, Report) or (entry.detail or {}).get("n") == event.rest["n"]


def state_after(before: Standing, disputed: bool, outcome: Outcome, status: Status, kind: str) -> State:
    if disputed:
        return State.DISPUTED
    if outcome is Outcome.APPLIED:
        return State.INFERRED if kind == "lost" else State(status.value)
    return State(status.value) if before.state is State.DISPUTED else before.state


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=st.lists(news, min_size=1, max_size=12), again=st.lists(st.integers(0, 11), max_size=12))
async def test_any_interleaving_ends_as_the_rules_say(
    redis: Redis, redis_url: str, store: JobStore, first: list[Event], again: list[int]
) -> None:
    """Duplicated, reordered, concurrent: outcomes, final record, history and indexes are those of the reference."""
    await redis.flushall()
    sample = Sample(store)
    sample.up = UP
    await sample.in_state(State.PENDING)
    events = numbered(first)
    events += [events[n % len(events)] for n in again]

    await race(redis_url, sample, events)

    _, *history = await store.history(sample.job.id)
    assert [(entry.outcome, entry.status, entry.progress) for entry in history] == along(history, events, sample)
    job = await sample.now()
    assert (job.status, job.progress) == (history[-1].status, history[-1].progress)
    assert [entry.progress for entry in history] == sorted(entry.progress for entry in history)
    times = [t for t in (job.created_at, job.submitted_at, job.started_at, job.completed_at) if t]
    assert times == sorted(times)
    await invariants.check(redis)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.randoms(use_true_random=False), ending=st.sampled_from(sorted(FINAL)))
async def test_where_upstream_does_not_contradict_itself_every_order_ends_the_same(
    redis: Redis, redis_url: str, store: JobStore, seed: "st.DrawFn", ending: Status
) -> None:
    """Acceptance, progress, one ending, all of it twice and shuffled."""
    await redis.flushall()
    sample = Sample(store)
    sample.up = UP
    await sample.in_state(State.PENDING)
    events: list[Event] = [Accepted(UP, Status.QUEUED), delivered(UP, ending)]
    events += [delivered(UP, Status.PROCESSING, progress=n) for n in (10, 30, 50, 70, 90)]
    events *= 2
    seed.shuffle(events)  # type: ignore[attr-defined]

    await race(redis_url, sample, events)

    job = await sample.now()
    assert (job.status, job.upstream_job_id) == (ending, UP)
    await invariants.check(redis)

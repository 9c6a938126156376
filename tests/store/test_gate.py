"""Whether anything may be submitted: holds, pauses, turns between owners, and a queue that is full."""

import json
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from tests import records
from tests.samples import START, pending_job
from tracker.errors import Backlogged
from tracker.events import Deferred, Withdrawn
from tracker.store.gate import Cause, Gate, Pause
from tracker.store.jobs import Backlog, JobStore
from tracker.store.keys import name
from tracker.store.work import Claim

SILENCE = timedelta(seconds=30)
SHORT = Pause(cause=Cause.CREDITS, reason="402", since=START, credits=16)
STOPPED = Pause(cause=Cause.OPERATOR, reason="maintenance", since=START, by="ops")


async def created(store: JobStore, *owners: str) -> list[str]:
    """A pending job for each, in this order."""
    jobs = [pending_job(owner=owner) for owner in owners]
    for job in jobs:
        await store.create(job, b"PNG")
    return [job.id for job in jobs]


async def claim(store: JobStore, at: int = 1, limit: int = 50) -> Claim:
    return await store.work.claim(START + timedelta(seconds=at), lease=SILENCE, max_in_flight=limit, webhooks=None)


async def owners_of_claims(store: JobStore, count: int) -> str:
    """First letters of the owners who get the next slots."""
    letters = ""
    for _ in range(count):
        found = await store.get((await claim(store)).job_id or "")
        letters += found.job.owner[0] if found else "-"
    return letters


# Holds and pauses


async def test_a_hold_stops_every_claim_until_it_ends(store: JobStore, gate: Gate, redis: Redis) -> None:
    """One worker that was told to slow down slows them all."""
    [job_id] = await created(store, "a")
    await gate.hold("429", timedelta(seconds=60))
    assert 0 < (await claim(store)).wait <= 60
    await redis.delete(name("hold"))
    assert (await claim(store)).job_id == job_id


async def test_a_hold_is_only_made_longer(gate: Gate, redis: Redis) -> None:
    """A short one that comes later does not cut a long one off."""
    await gate.hold("429", timedelta(seconds=60))
    await gate.hold("503", timedelta(seconds=2))
    assert await redis.get(name("hold")) == b"429"
    assert await redis.pttl(name("hold")) > 50_000
    await gate.hold("slower", timedelta(seconds=90))
    assert await redis.get(name("hold")) == b"slower"


async def test_a_pause_stops_every_claim_until_it_is_resumed(store: JobStore, gate: Gate) -> None:
    """And is shown as it was set. Resuming lifts a hold, too: whoever resumes means now."""
    [job_id] = await created(store, "a")
    assert await gate.pause(STOPPED)
    assert (await claim(store)).paused
    assert await gate.paused() == STOPPED
    await gate.hold("429", timedelta(seconds=60))
    assert await gate.resume()
    assert (await claim(store)).job_id == job_id
    assert not await gate.resume()


async def test_the_first_of_many_workers_that_are_refused_pauses(gate: Gate) -> None:
    """Its reason stays; an operator's pause takes its place, and stays whatever the account does."""
    assert await gate.pause(SHORT)
    assert not await gate.pause(SHORT.model_copy(update={"reason": "again"}))
    assert await gate.paused() == SHORT
    assert await gate.pause(STOPPED)
    assert not await gate.pause(SHORT)
    assert await gate.paused() == STOPPED


async def test_what_was_paused_since_is_not_resumed_with_what_was_paused_before(gate: Gate) -> None:
    """A worker found the account well again while an operator paused."""
    await gate.pause(SHORT)
    await gate.pause(STOPPED)
    assert not await gate.resume(SHORT)
    assert await gate.paused() == STOPPED


async def test_an_operator_who_resumes_lifts_a_hold_that_stands_alone(store: JobStore, gate: Gate) -> None:
    """There was no pause, and nothing was submitted all the same."""
    [job_id] = await created(store, "a")
    await gate.hold("429", timedelta(hours=1))
    assert not await gate.resume()
    assert (await claim(store)).job_id == job_id


async def test_a_worker_that_resumes_leaves_the_next_look_at_the_account_to_its_time(gate: Gate) -> None:
    """An account that looks well and is not would else be tried without end. What upstream asked for stays, too."""
    assert await gate.may_probe(SILENCE)
    await gate.pause(SHORT)
    await gate.hold("429", timedelta(seconds=60))
    assert await gate.resume(SHORT)
    assert not await gate.may_probe(SILENCE)
    assert await gate.paused() is None


async def test_a_pause_that_another_version_has_written_can_be_resumed(gate: Gate, redis: Redis) -> None:
    """It is known by when it began, not by every letter."""
    written = SHORT.model_dump(mode="json", by_alias=True) | {"newer": True}
    await redis.set(name("pause"), json.dumps(written))
    found = await gate.paused()
    assert found is not None
    assert await gate.resume(found)


async def test_what_is_too_late_takes_no_slot(redis: Redis) -> None:
    """It will never be sent: a fresh job has the slot, and the late one is left to expire."""
    store = JobStore(redis, retention=SILENCE, submit_within=timedelta(hours=1))
    [late] = await created(store, "a")
    fresh = pending_job(START + timedelta(hours=2), "a")
    await store.create(fresh, b"PNG")
    assert (await claim(store, 7300, limit=1)).job_id == fresh.id
    assert await redis.zscore(name("queue", "a"), late) is not None
    assert "attempts" not in await records.read(redis, late)


async def test_one_worker_at_a_time_asks_about_the_account(gate: Gate) -> None:
    """The others not before its time is over; a resumption forgets it."""
    assert [await gate.may_probe(SILENCE) for _ in range(3)] == [True, False, False]
    await gate.pause(SHORT)
    await gate.resume()
    assert await gate.may_probe(SILENCE)


async def test_lookups_are_quiet_for_as_long_as_upstream_asked_for(store: JobStore, gate: Gate, redis: Redis) -> None:
    """In every worker."""
    await redis.zadd(name("outbox"), {"lookup:x": 0})
    await gate.quieten("RateLimited", timedelta(seconds=60))
    assert await store.work.take_lookups(START, lease=SILENCE, limit=9, budget=9) == []
    await redis.delete(name("quiet"))
    assert await store.work.take_lookups(START, lease=SILENCE, limit=9, budget=9) == ["x"]


async def test_workers_share_one_budget_of_lookups(store: JobStore, redis: Redis) -> None:
    """What is due for longest comes first; the rest waits for the next ten seconds."""
    await redis.zadd(name("outbox"), {f"lookup:{n}": n for n in range(10)})
    taken = [await store.work.take_lookups(START, lease=SILENCE, limit=4, budget=6) for _ in range(3)]
    assert taken == [["0", "1", "2", "3"], ["4", "5"], []]
    assert 9_000 < await redis.pttl(name("polls")) <= 10_000
    await redis.delete(name("polls"))
    assert await store.work.take_lookups(START, lease=SILENCE, limit=9, budget=6) == ["6", "7", "8", "9"]


# Turns


async def test_a_thousand_jobs_of_one_do_not_hold_up_the_single_job_of_another(store: JobStore) -> None:
    """It gets the next slot but one, and the thousand go on."""
    await created(store, *["a"] * 100)
    assert await owners_of_claims(store, 3) == "aaa"
    await created(store, "b")
    assert await owners_of_claims(store, 4) == "abaa"


async def test_owners_with_much_to_do_share_the_slots_alike(store: JobStore) -> None:
    """In turn, whoever came first."""
    await created(store, *["a"] * 9, *["b"] * 9, *["c"] * 2)
    assert await owners_of_claims(store, 10) == "abcabcabab"


async def test_an_owner_who_comes_back_again_and_again_overtakes_nobody_twice(store: JobStore) -> None:
    """One job at a time, each as soon as the last was taken: every other slot is still the others'."""
    await created(store, *["a"] * 6, "b")
    letters = ""
    for _ in range(6):
        letters += await owners_of_claims(store, 1)
        if letters.endswith("b"):
            await created(store, "b")
    assert letters == "ababab"


async def test_an_owner_whose_jobs_are_all_put_off_holds_nobody_up(store: JobStore) -> None:
    """And keeps its turn for when they are due."""
    [mine, yours] = await created(store, "a", "b")
    assert (await claim(store)).job_id == mine
    await store.apply(Deferred("503", START + timedelta(seconds=9)), START, job_id=mine, silence=SILENCE)
    assert (await claim(store)).job_id == yours
    assert (await claim(store, 9)).job_id == mine


# A full queue


def small(redis: Redis, **limits: int) -> JobStore:
    return JobStore(redis, retention=SILENCE, submit_within=SILENCE, backlog=Backlog(**limits))


async def test_more_than_may_wait_is_refused_and_leaves_nothing(redis: Redis) -> None:
    """Until a job has gone; a repetition of what was taken is no new job."""
    store, job = small(redis, jobs=2), pending_job()
    await store.create(job, b"PNG", ("first", "body"))
    await store.create(pending_job(), b"PNG")
    before = sorted(await redis.keys("*"))
    with pytest.raises(Backlogged) as refused:
        await store.create(pending_job(), b"PNG", ("key", "body"))
    assert refused.value.retry_after > 0
    assert sorted(await redis.keys("*")) == before
    assert await store.create(pending_job(), b"PNG", ("first", "body")) == (job.id, True)
    await store.apply(Withdrawn("editor"), START, job_id=job.id, silence=SILENCE)
    assert (await store.create(pending_job(), b"PNG", ("key", "body")))[1] is False


async def test_more_bytes_of_masks_than_may_be_held_are_refused(redis: Redis) -> None:
    """What a job no longer needs is free again at once."""
    store, job = small(redis, mask_bytes=10), pending_job()
    await store.create(job, b"1234567")
    with pytest.raises(Backlogged):
        await store.create(pending_job(), b"1234")
    await store.create(pending_job(), b"123")
    await store.apply(Withdrawn("editor"), START, job_id=job.id, silence=SILENCE)
    await store.create(pending_job(), b"1234567")

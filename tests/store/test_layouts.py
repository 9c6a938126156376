"""The stamp in Redis, who heeds it, and how a layout of before becomes today's."""

from datetime import timedelta
from typing import Any, cast

import pytest
from redis.asyncio import Redis

from tests.aging import LEFT, restore
from tests.samples import SILENCE, START, Sample, delivered, pending_job
from tracker.errors import StoreUnavailable
from tracker.job import Outcome, Status
from tracker.store import layout1
from tracker.store.deliveries import Deliveries, Wanted
from tracker.store.jobs import JobStore
from tracker.store.keys import VERSION, name, prefix
from tracker.store.layouts import Layouts
from tracker.store.pages import Filter
from tracker.store.scripts import source
from tracker.store.wire import Stored
from tracker.transitions import State

TOLD: dict[str, dict[str, Any]] = LEFT["told"]
FINAL = {"COMPLETED", "FAILED", "CANCELLED"}


@pytest.fixture
def layouts(redis: Redis) -> Layouts:
    return Layouts(redis)


def the_store(redis: Redis) -> JobStore:
    return JobStore(redis, retention=timedelta(days=30), submit_within=timedelta(days=1))


async def brought_over(redis: Redis) -> None:
    """All of it, as a worker does it."""
    layouts = Layouts(redis)
    await layouts.begin(START)
    await layouts.bring_what_runs()
    while await layouts.bring_next():
        pass


async def as_told(store: JobStore, job_id: str) -> dict[str, Any]:
    """What we tell of a job, as the older build told it."""
    stored = cast(Stored, await store.get(job_id))
    since = stored.missing_since and stored.missing_since.isoformat()
    facts = {field: getattr(stored, field) for field in TOLD[job_id] if hasattr(stored, field)}
    history = [entry.model_dump(mode="json", by_alias=True) for entry in await store.history(job_id)]
    document = stored.job.model_dump(mode="json", by_alias=True)
    return {**facts, "job": document, "missing_since": since, "history": history}


async def test_the_first_process_writes_the_stamp(redis: Redis, layouts: Layouts) -> None:
    """Of its own layout where there is nothing, of layout 1 where there are such jobs and no stamp."""
    assert (await layouts.stamp()).version == VERSION
    assert await cast(Any, redis.hgetall(name("layout"))) == {b"version": b"2"}
    await redis.flushall()
    await restore(redis)
    assert (await layouts.stamp()).version == 1
    await brought_over(redis)


async def test_all_that_layout_1_held_is_told_as_it_was(redis: Redis) -> None:
    """Records, histories and the log of deliveries that its last build wrote; and everything adds up afterwards."""
    await restore(redis)
    await brought_over(redis)
    store = the_store(redis)
    await store.ready()
    for job_id, told in TOLD.items():
        assert await as_told(store, job_id) == told
    page = await Deliveries(redis, timedelta(days=30)).page(Wanted(), 10)
    assert [line.model_dump(mode="json", by_alias=True) for line in page.lines] == LEFT["deliveries"]
    assert not await redis.keys(name("history", "*"))


async def test_news_goes_on_where_layout_1_left_off(redis: Redis) -> None:
    """What was seen is known, progress goes up only, and the last steps are taken."""
    await restore(redis)
    await brought_over(redis)
    store = the_store(redis)
    job_id, told = next((one, told) for one, told in TOLD.items() if told["job"]["owner"] == "shop")
    up = told["job"]["upstreamJobId"]
    news = [
        (delivered(up, Status.PROCESSING, progress=98), Outcome.DUPLICATE),
        (delivered(up, Status.PROCESSING, progress=50), Outcome.STALE),
        (delivered(up, Status.COMPLETED), Outcome.APPLIED),
    ]
    for report, outcome in news:
        applied = await store.apply(report, START + timedelta(hours=1), job_id=job_id, silence=SILENCE)
        assert applied.outcome is outcome
    assert [entry.seq for entry in await store.history(job_id)][-4:] == [
        told["history"][-1]["seq"] + n for n in range(4)
    ]


@pytest.mark.parametrize("version", [VERSION - 1, VERSION + 1])
async def test_a_process_that_does_not_know_the_layout_leaves_it_alone(
    redis: Redis, sample: Sample, version: int
) -> None:
    """Be it older or newer, also when the stamp changes while it runs; it is not ready, and says why."""
    await sample.in_state(State.PROCESSING)
    await redis.hset(name("layout"), "version", str(version))  # type: ignore[misc]
    before = await redis.get(name("job", sample.job.id))
    keys = set(await redis.keys("*"))
    for attempt in (
        sample.apply(delivered(sample.up, Status.COMPLETED)),
        sample.store.create(pending_job(), b"PNG"),
        sample.store.work.claim(START, lease=SILENCE, max_in_flight=50, webhooks=None),
        sample.store.work.retire(START + timedelta(days=90)),
        sample.store.ready(),
    ):
        with pytest.raises(StoreUnavailable, match=f"Redis has layout {version}"):
            await attempt
    assert await redis.get(name("job", sample.job.id)) == before
    assert set(await redis.keys("*")) == keys
    await redis.hset(name("layout"), "version", str(VERSION))  # type: ignore[misc]


async def test_what_is_asked_for_is_brought_over_at_once(redis: Redis, layouts: Layouts) -> None:
    """While a migration is under way, nobody can tell which jobs have had their turn."""
    await restore(redis)
    await layouts.begin(START)
    await layouts.bring_what_runs()
    store, old = the_store(redis), await layout1.of_these(redis, list(TOLD))
    assert {TOLD[job_id]["job"]["status"] for job_id in old} == FINAL
    await store.ready()
    looked_at, late, own, *_ = old
    assert await as_told(store, looked_at) == TOLD[looked_at]
    report = delivered(TOLD[late]["job"]["upstreamJobId"], Status.PROCESSING, progress=1)
    assert (await store.apply(report, START, job_id=None, silence=SILENCE)).outcome is Outcome.STALE
    assert [entry.seq for entry in await store.history(own)] == [entry["seq"] for entry in TOLD[own]["history"]]
    assert len(await store.standings(old)) == len(old)
    page = await store.page(Filter(), 100)
    assert {stored.job.id for stored in page.jobs} == set(TOLD)
    assert not await layout1.of_these(redis, list(TOLD))
    while await layouts.bring_next():
        pass


async def test_another_worker_goes_on_where_one_has_died(
    redis: Redis, layouts: Layouts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Doing it again does nothing."""
    monkeypatch.setattr("tracker.store.layouts.AT_ONCE", 5)
    await restore(redis)
    await layouts.begin(START)
    await layouts.bring_what_runs()
    assert await layouts.bring_next()
    there = await layouts.stamp()
    assert (there.since, there.moved, there.total) == (1, 5, len(TOLD))
    assert [await Layouts(redis).bring_next() for _ in "ab"] == [True, False]
    assert (await layouts.stamp()).since is None
    assert await layout1.bring(redis, list(TOLD)) == 0


async def test_one_worker_migrates(layouts: Layouts) -> None:
    """As long as it gives signs of life."""
    assert await layouts.lock("a")
    assert not await layouts.lock("b")
    assert await layouts.lock("a")
    await layouts.unlock()
    assert await layouts.lock("b")


async def test_what_somebody_has_touched_meanwhile_is_read_again(redis: Redis) -> None:
    """A process that knows no stamp may still be at it."""
    await restore(redis)
    job_id = next(iter(TOLD))
    old = await redis.dump(name("job", job_id))
    await redis.hincrby(name("job", job_id), "attempts", 1)  # type: ignore[misc]
    swap = redis.register_script(source("swap"))
    await redis.hset(name("layout"), "version", str(VERSION))  # type: ignore[misc]
    assert await swap([prefix()], [job_id, old, b"x"]) == 0
    assert await layout1.bring(redis, [job_id]) == 1
    stored = await the_store(redis).get(job_id)
    assert stored is not None
    assert stored.attempts == TOLD[job_id]["attempts"] + 1
    await brought_over(redis)


async def test_a_pending_job_of_a_straggler_is_claimed(redis: Redis) -> None:
    """It was written beside us by a process from before the stamp, when all was over."""
    await restore(redis)
    await redis.hset(name("layout"), "version", str(VERSION))  # type: ignore[misc]
    store = the_store(redis)
    claims = [
        await store.work.claim(START + timedelta(minutes=1), lease=SILENCE, max_in_flight=50, webhooks=None)
        for _ in "ab"
    ]
    assert [bool(claim.job_id) for claim in claims] == [False, True]
    await layout1.bring(redis, list(TOLD))


def test_a_job_that_cannot_be_read_holds_up_nobody() -> None:
    """It stays as it is, and the log says so."""
    with pytest.raises(ValueError, match="tuple"):
        layout1.record_of(next(iter(TOLD)), {}, [b'{"seq":1,"at":1,"source":"nobody","type":"created"}'])

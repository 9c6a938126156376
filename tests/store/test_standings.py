"""Many jobs at once: by either id, and as little of each as tells what may be done to it."""

from uuid import uuid4

from redis.asyncio import Redis

from tests.samples import START, Sample, pending_job
from tracker.job import Status
from tracker.store.jobs import JobStore
from tracker.store.standings import AT_ONCE, Standing
from tracker.transitions import State


async def test_each_job_is_found_by_any_of_its_names(store: JobStore, redis: Redis) -> None:
    """Ours, upstream's, and the id that a backend was told for what was a replay."""
    running = await Sample(store).in_state(State.QUEUED)
    told, unknown = str(uuid4()), str(uuid4())
    await store.alias(told, running.job.id)
    names = [running.job.id, running.up, told]
    assert await store.resolve([*names, unknown]) == dict.fromkeys(names, running.job.id)


async def test_a_standing_tells_what_may_be_done(store: JobStore) -> None:
    """Whether it waits, is being submitted, is upstream, or has ended; in the order that was asked for."""
    taken, queued, ended = [await Sample(store).in_state(s) for s in (State.PENDING, State.QUEUED, State.FAILED)]
    waiting = pending_job(START)
    await store.create(waiting, b"PNG")
    ids = [ended.job.id, waiting.id, str(uuid4()), taken.job.id, queued.job.id]
    assert await store.standings(ids) == [
        Standing(ended.job.id, Status.FAILED, known_upstream=True, holds_slot=False),
        Standing(waiting.id, Status.PENDING, known_upstream=False, holds_slot=False),
        Standing(taken.job.id, Status.PENDING, known_upstream=False, holds_slot=True),
        Standing(queued.job.id, Status.QUEUED, known_upstream=True, holds_slot=True),
    ]


async def test_more_than_one_round_trip_holds_are_read_in_order(store: JobStore) -> None:
    """None is lost between two of them."""
    [job] = [pending_job(START)]
    await store.create(job, b"PNG")
    ids = [*(str(uuid4()) for _ in range(AT_ONCE)), job.id]
    assert [one.job_id for one in await store.standings(ids)] == [job.id]
    assert await store.resolve(ids) == {job.id: job.id}
    assert await store.work.bring_lookups_forward(dict.fromkeys(ids, START)) == set()

"""Genuine deliveries that could not be read: kept whole, and gone in the moment in which they do something."""

import asyncio
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from tests.door import UPSTREAM_KEY, signed
from tests.samples import SILENCE, START, Sample, delivered, upstream_id
from tracker.apiframe.signature import Delivery, Verifier
from tracker.clock import utc_now
from tracker.errors import NotFound
from tracker.job import Outcome, Status
from tracker.store import quarantine as module
from tracker.store.jobs import Applied, JobStore
from tracker.store.keys import name
from tracker.store.quarantine import Quarantine
from tracker.transitions import State


@pytest.fixture
def quarantine(redis: Redis) -> Quarantine:
    return Quarantine(redis, timedelta(days=30))


def genuine(body: bytes) -> Delivery:
    return Verifier([UPSTREAM_KEY]).verify(body, signed(body)["headers"]["X-Webhook-Signature"])


async def kept(quarantine: Quarantine, *bodies: bytes) -> list[str]:
    return [await quarantine.keep(genuine(body), None, "why", utc_now()) for body in bodies]


async def test_a_delivery_comes_out_as_it_went_in(quarantine: Quarantine, redis: Redis) -> None:
    """Whatever its bytes; for a while."""
    delivery = genuine(b"\xff\x00{")
    entry_id = await quarantine.keep(delivery, "somewhere", "not JSON", utc_now())
    entry = await quarantine.get(entry_id)
    assert (entry.delivery, entry.address, entry.why) == (delivery, "somewhere", "not JSON")
    assert entry.delivery.fingerprint == delivery.fingerprint
    assert 30 * 86_400 - 60 < await redis.ttl(name("quarantine")) <= 30 * 86_400
    [page] = (await quarantine.page(5)).entries
    assert page == entry


@pytest.mark.parametrize(
    "entry_id", ["", "x", "-", "+", "$", "0-0", "1-1-1", "9" * 19 + "-0", "9" * 25 + "-0", "\uff11-0", "(1-1"]
)
async def test_what_is_no_entry_is_not_there(quarantine: Quarantine, entry_id: str) -> None:
    """Also a word that would mean something to Redis, and a number beyond its bounds."""
    await kept(quarantine, b"{")
    for call in (quarantine.get, quarantine.delete):
        with pytest.raises(NotFound):
            await call(entry_id)
    assert len((await quarantine.page(5)).entries) == 1


async def test_of_two_who_delete_one_did(quarantine: Quarantine) -> None:
    """The other is told that it is gone."""
    [entry_id] = await kept(quarantine, b"{")
    ends = await asyncio.gather(*[quarantine.delete(entry_id) for _ in range(2)], return_exceptions=True)
    assert sorted(type(end).__name__ for end in ends) == ["NoneType", "NotFound"]


@pytest.mark.parametrize(("count", "limit"), [(0, 2), (1, 2), (2, 2), (3, 2), (25, 12), (24, 12), (10, 10), (21, 1)])
async def test_pages_meet(quarantine: Quarantine, count: int, limit: int) -> None:
    """Each is full but the last, which is not empty; newest first."""
    ids = await kept(quarantine, *[b"%d" % number for number in range(count)])
    seen, sizes, below = list[str](), list[int](), None
    while True:
        page = await quarantine.page(limit, below)
        seen += [entry.id for entry in page.entries]
        sizes.append(len(page.entries))
        if (below := page.next_cursor) is None:
            break
    assert seen == ids[::-1]
    assert all(size == limit for size in sizes[:-1])
    assert count == 0 or sizes[-1] > 0


async def test_a_page_of_large_bodies_ends_early(quarantine: Quarantine, monkeypatch: pytest.MonkeyPatch) -> None:
    """And goes on with the next; none is lost between them."""
    monkeypatch.setattr(module, "PAGE_BYTES", 1_000)
    ids = await kept(quarantine, *[b" " * 200 for _ in range(25)])
    seen, below = list[str](), None
    while True:
        page = await quarantine.page(100, below)
        assert 0 < len(page.entries) < 12
        seen += [entry.id for entry in page.entries]
        if (below := page.next_cursor) is None:
            break
    assert seen == ids[::-1]


# Taken out by what it does


async def replay(store: JobStore, up: str, entry_id: str, status: Status = Status.COMPLETED) -> Applied:
    return await store.apply(delivered(up, status), START, job_id=None, silence=SILENCE, quarantined=entry_id)


async def test_an_entry_goes_with_what_it_does(quarantine: Quarantine, sample: Sample) -> None:
    """In one step, and for every outcome."""
    await sample.in_state(State.COMPLETED)
    for status, outcome in ((Status.PROCESSING, Outcome.STALE), (Status.FAILED, Outcome.CONFLICT)):
        [entry_id] = await kept(quarantine, b"{")
        assert (await replay(sample.store, sample.up, entry_id, status)).outcome is outcome
        assert (await quarantine.page(5)).entries == []


async def test_an_entry_that_was_deleted_does_nothing(quarantine: Quarantine, sample: Sample, redis: Redis) -> None:
    """An operator read it, another deleted it, and then the first replayed it: what was deleted changes no job."""
    await sample.in_state(State.PROCESSING)
    ids = await kept(quarantine, b"{", b"[")
    for entry_id in ids:
        await quarantine.delete(entry_id)
    history = await sample.store.history(sample.job.id)
    for up, entry_id in zip((sample.up, upstream_id()), ids, strict=True):
        with pytest.raises(NotFound, match=entry_id):
            await replay(sample.store, up, entry_id)
    assert (await sample.now()).status is Status.PROCESSING
    assert await sample.store.history(sample.job.id) == history
    assert await redis.zcard(name("jobs")) == 1


async def test_of_two_who_replay_one_moves_the_job(quarantine: Quarantine, sample: Sample) -> None:
    """The other is told that it was there before. So is one who repeats a call whose answer was lost."""
    await sample.in_state(State.PROCESSING)
    [entry_id] = await kept(quarantine, b"{")
    both = await asyncio.gather(*[replay(sample.store, sample.up, entry_id) for _ in range(2)])
    assert sorted(applied.outcome for applied in both) == [Outcome.APPLIED, Outcome.DUPLICATE]
    assert (await replay(sample.store, sample.up, entry_id)).outcome is Outcome.DUPLICATE


async def test_two_who_replay_a_strangers_delivery_adopt_it_once(
    quarantine: Quarantine, store: JobStore, redis: Redis
) -> None:
    """One job, whoever comes second."""
    [entry_id], up = await kept(quarantine, b"{"), upstream_id()
    both = await asyncio.gather(*[replay(store, up, entry_id) for _ in range(2)])
    assert sorted(applied.outcome for applied in both) == [Outcome.ADOPTED, Outcome.DUPLICATE]
    assert await redis.zcard(name("jobs")) == 1

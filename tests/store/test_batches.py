"""Group commit: who shares a call, who waits, and who fails alone."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from tests import records
from tests.samples import SILENCE, Sample, delivered
from tracker.errors import StoreUnavailable
from tracker.job import Outcome, Status
from tracker.store import batches
from tracker.store.batches import Batches
from tracker.store.jobs import JobStore
from tracker.transitions import State


class Call:
    """The other end of a batch, which answers when it is told to; what it got is kept."""

    def __init__(self) -> None:
        self.batches: list[tuple[Any, ...]] = []
        self.may_answer = asyncio.Event()
        self.trouble: Exception | None = None

    def __call__(self, pieces: Sequence[Any], done: Callable[[Any], None]) -> None:
        self.batches.append(tuple(pieces))
        self._answering = asyncio.create_task(self._answer(pieces, done))

    async def _answer(self, pieces: Sequence[Any], done: Callable[[Any], None]) -> None:
        await self.may_answer.wait()
        done(self.trouble or [ResponseError("bad") if one == "bad" else [one.encode()] for one in pieces])


async def test_what_waits_while_one_is_under_way_goes_out_as_the_next() -> None:
    """The first goes alone and at once; each gets its own answer."""
    call = Call()
    news = Batches(call)
    told = [asyncio.create_task(news.tell(word)) for word in ("a",)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    told += [asyncio.create_task(news.tell(word)) for word in ("b", "c", "d")]
    await asyncio.sleep(0.01)
    assert call.batches == [("a",)]
    call.may_answer.set()
    assert await asyncio.gather(*told) == [[b"a"], [b"b"], [b"c"], [b"d"]]
    assert call.batches == [("a",), ("b", "c", "d")]


async def test_enough_of_them_do_not_wait_for_the_batch_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two batches are under way at most; what comes then goes together."""
    monkeypatch.setattr(batches, "ENOUGH", 2)
    call = Call()
    news = Batches(call)
    told = [asyncio.create_task(news.tell(word)) for word in "abcdefg"]
    await asyncio.sleep(0.01)
    assert call.batches == [("a", "b"), ("c", "d")]
    call.may_answer.set()
    assert await asyncio.gather(*told) == [[word.encode()] for word in "abcdefg"]
    assert sorted(call.batches) == [("a", "b"), ("c", "d"), ("e", "f", "g")]


async def test_a_batch_has_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many wait: whoever else asks Redis has a turn in between."""
    monkeypatch.setattr(batches, "AT_ONCE", 2)
    call = Call()
    news = Batches(call)
    told = [asyncio.create_task(news.tell(word)) for word in "abcde"]
    await asyncio.sleep(0.01)
    call.may_answer.set()
    assert await asyncio.gather(*told) == [[word.encode()] for word in "abcde"]
    assert call.batches == [("a", "b"), ("c", "d"), ("e",)]


async def test_one_that_fails_does_not_fail_the_others() -> None:
    """It is told so, and nobody else."""
    call = Call()
    call.may_answer.set()
    news = Batches(call)
    answers = await asyncio.gather(*map(news.tell, ("a", "bad", "c")), return_exceptions=True)
    assert [answers[0], answers[2]] == [[b"a"], [b"c"]]
    assert isinstance(answers[1], ResponseError)


async def test_a_call_that_fails_is_told_to_all_of_its_batch_and_the_next_goes_out() -> None:
    """Redis is away, and comes back."""
    call = Call()
    call.may_answer.set()
    call.trouble = RedisConnectionError("away")
    news = Batches(call)
    for answer in await asyncio.gather(*map(news.tell, "abc"), return_exceptions=True):
        assert isinstance(answer, RedisConnectionError)
    call.trouble = None
    assert await news.tell("d") == [b"d"]


@pytest.mark.parametrize(
    ("trouble", "calls"), [(RedisTimeoutError("silent"), 1), (OSError("gone"), 1), (ResponseError("READONLY"), 3)]
)
async def test_nobody_waits_in_a_row_for_a_redis_that_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, trouble: Exception, calls: int
) -> None:
    """One batch after the other would run into the same time-out; what Redis refuses is asked for each."""
    monkeypatch.setattr(batches, "AT_ONCE", 1)
    monkeypatch.setattr(batches, "SIDE_BY_SIDE", 1)
    call = Call()
    call.trouble = trouble
    news = Batches(call)
    told = [asyncio.create_task(news.tell(word)) for word in "abc"]
    await asyncio.sleep(0.01)
    call.may_answer.set()
    assert await asyncio.gather(*told, return_exceptions=True) == [trouble] * 3
    assert len(call.batches) == calls
    call.trouble = None
    assert await news.tell("d") == [b"d"]


async def test_too_many_that_wait_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """At once: memory is bounded, and whoever sends is told to come again."""
    monkeypatch.setattr(batches, "MOST_WAITING", 2)
    call = Call()
    news = Batches(call)
    first = asyncio.create_task(news.tell("a"))
    await asyncio.sleep(0.01)
    waiting = [asyncio.create_task(news.tell(word)) for word in "bc"]
    await asyncio.sleep(0)
    with pytest.raises(StoreUnavailable):
        await news.tell("d")
    call.may_answer.set()
    assert await asyncio.gather(first, *waiting) == [[b"a"], [b"b"], [b"c"]]


async def test_a_request_that_is_given_up_holds_up_nobody() -> None:
    """Its news may be written all the same; nobody hears of it."""
    call = Call()
    news = Batches(call)
    given_up, stays = (asyncio.create_task(news.tell(word)) for word in "ab")
    await asyncio.sleep(0.01)
    given_up.cancel()
    call.may_answer.set()
    assert await stays == [b"b"]


async def test_a_record_that_is_broken_fails_its_own_news_alone(store: JobStore, redis: Redis) -> None:
    """Somebody has laid hands on a job: those beside it in the batch are applied."""
    broken, well = Sample(store), Sample(store)
    for sample in (broken, well):
        await sample.in_state(State.PROCESSING)
    await records.write(redis, broken.job.id, progress="much")
    news = [delivered(one.up, Status.PROCESSING, progress=90) for one in (broken, well)]
    told = (store.apply(one, broken.job.created_at, job_id=None, silence=SILENCE) for one in news)
    failed, applied = await asyncio.gather(*told, return_exceptions=True)
    assert isinstance(failed, StoreUnavailable)
    assert not isinstance(applied, BaseException)
    assert applied.outcome is Outcome.APPLIED
    await records.write(redis, broken.job.id, progress=40)

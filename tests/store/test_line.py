"""The line of our own: as good as redis-py where it is well, and no loss where it is not."""

import asyncio
import time
from typing import Any, cast

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from tests.store.crowds import many, told, until_over_the_line
from tracker.job import Outcome
from tracker.store import line as module
from tracker.store.connection import connect
from tracker.store.jobs import JobStore
from tracker.store.keys import name
from tracker.store.line import Line


async def made(redis: Redis) -> Line:
    line = Line(redis)
    assert not line.call((b"PING",), lambda _: None)
    async with asyncio.timeout(5):
        while not line.is_there:
            await asyncio.sleep(0.01)
    return line


async def reply(line: Line, *command: bytes) -> Any:
    answer = asyncio.get_running_loop().create_future()
    assert line.call(command, answer.set_result)
    async with asyncio.timeout(5):
        return await answer


async def test_answers_come_in_order_however_many_and_however_large(redis: Redis) -> None:
    """In pieces as the system has them; errors are answers."""
    line = await made(redis)
    large = b"x" * 3_000_000
    asked = [(b"ECHO", b"%d" % n) for n in range(500)] + [(b"ECHO", large), (b"NONSENSE",), (b"ECHO", b"last")]
    answers = await asyncio.gather(*(reply(line, *command) for command in asked))
    assert answers[:500] == [b"%d" % n for n in range(500)]
    assert answers[500] == large
    assert isinstance(answers[501], ResponseError)
    assert answers[502] == b"last"


async def test_a_line_that_is_cut_says_so_at_once_and_is_made_anew(redis: Redis) -> None:
    """Everybody who waits is told."""
    line = await made(redis)
    answer = asyncio.get_running_loop().create_future()
    assert line.call((b"BLPOP", b"nothing", b"5"), answer.set_result)
    await redis.client_kill_filter(_type="normal", skipme=True)
    async with asyncio.timeout(1):
        assert isinstance(await answer, RedisConnectionError)
    line._tried = 0.0
    assert not line.call((b"PING",), lambda _: None)
    async with asyncio.timeout(5):
        while not line.is_there:
            await asyncio.sleep(0.01)
    assert await reply(line, b"ECHO", b"again") == b"again"


async def test_who_gets_no_answer_waits_no_longer_than_with_redis_py(redis: Redis, redis_url: str) -> None:
    """And the line is given up: what comes late is nobody's answer."""
    async with connect(redis_url) as quick:
        line, started = await made(quick), time.monotonic()
        answers = asyncio.gather(reply(line, b"BLPOP", b"nothing", b"5"), reply(line, b"ECHO", b"x"))
        assert [type(answer) for answer in await answers] == [RedisTimeoutError] * 2
        assert module.REPLY_SECONDS <= time.monotonic() - started < module.REPLY_SECONDS + 3
        assert not line.is_there


async def test_a_line_that_was_idle_is_made_anew(redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has noticed, perhaps, that it was cut."""
    line = await made(redis)
    monkeypatch.setattr(module, "IDLE_SECONDS", 0.05)
    await asyncio.sleep(0.1)
    assert not line.call((b"PING",), lambda _: None)


async def test_it_is_closed_with_the_client(redis_url: str) -> None:
    """Which has made it. Nothing is left open, and nobody waits for a goodbye."""
    client = connect(redis_url)
    line, started = await made(client), time.monotonic()
    await client.aclose()
    assert not line.is_there
    assert time.monotonic() - started < 0.5


async def test_a_redis_that_is_away_gives_no_line(redis: Redis) -> None:
    """It is tried again a while later, and nothing is raised into nowhere."""
    away = connect("unix:///nonexistent/r.sock")
    line = Line(away)
    for _ in range(3):
        assert not line.call((b"PING",), lambda _: None)
        await asyncio.sleep(0.05)
    assert not line.is_there
    await away.aclose()


# In the store


@pytest.mark.parametrize("trouble", ["cut", "scripts forgotten", "both"])
async def test_news_that_is_under_way_when_something_fails_is_applied_once(
    store: JobStore, redis: Redis, trouble: str
) -> None:
    """By redis-py, which connects anew, and loads what Redis has forgotten."""
    samples = await many(store, 40)
    await until_over_the_line(store, redis, samples)
    under_way = asyncio.create_task(told(store, samples, 60))
    await asyncio.sleep(0)
    if trouble != "scripts forgotten":
        await redis.client_kill_filter(_type="normal", skipme=True)
    if trouble != "cut":
        await redis.script_flush()
        await cast(Any, redis.function_flush())
    assert set(await under_way) <= {Outcome.APPLIED, Outcome.DUPLICATE}
    for sample in samples:
        stored = await store.get(sample.job.id)
        assert stored is not None
        assert stored.job.progress == 60
        history = await store.history(sample.job.id)
        assert next(line.outcome for line in history if line.progress == 60) is Outcome.APPLIED
        assert len([line for line in history if line.progress == 60 and line.outcome is Outcome.APPLIED]) == 1


async def test_jobs_are_read_over_it_as_without(store: JobStore, redis: Redis) -> None:
    """Many at once, and some that are not there."""
    samples = await many(store, 40)
    await until_over_the_line(store, redis, samples)
    ids = [sample.job.id for sample in samples] + ["nobody"]
    found = await asyncio.gather(*(store.get(job_id) for job_id in ids))
    assert [one.job.id if one else None for one in found] == [*ids[:-1], None]
    await redis.delete(name("job", "nobody"))

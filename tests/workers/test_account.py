"""What concerns the account and not the job: submissions pause, nothing is lost, and they go on by themselves."""

from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from tests.town import Town, start_worker, town
from tests.workers.test_submit import attempt, claim
from tracker.clock import utc_now
from tracker.events import Deferred
from tracker.store.gate import Cause, Pause
from tracker.store.keys import name
from workers.account import AccountWatch
from workers.submit import submit

pytestmark = pytest.mark.usefixtures("redis")


async def probed(here: Town, redis: Redis) -> Pause | None:
    """The pause after one look at the account."""
    await redis.delete(name("probe"))
    await AccountWatch(here.tools).look()
    return await here.tools.gate.paused()


@pytest.mark.parametrize(
    ("mischief", "cause", "words"),
    [({"key_inactive": True}, Cause.KEY, "(403)"), ({"credits": 3}, Cause.CREDITS, "16 credits needed, 3 there")],
)
async def test_submissions_pause_until_the_account_is_well_again(
    redis_url: str, redis: Redis, mischief: dict[str, Any], cause: Cause, words: str
) -> None:
    """The job stays pending with its mask, nothing is charged, and the reason can be read."""
    async with town(redis_url, worker=False) as here:
        await here.mischief(**mischief)
        job = await attempt(here)
        assert (job["status"], job["error"], await here.charges()) == ("PENDING", None, [])
        assert await here.tools.store.mask(job["id"]) is not None
        assert await redis.zcard(name("inflight")) == 0
        pause = await probed(here, redis)
        assert pause is not None
        assert (pause.cause, words in pause.reason) == (cause, True)
        await here.mischief(credits=100)
        assert await probed(here, redis) is None
        async with AsyncExitStack() as stack:
            await start_worker(stack, here.tools)
            assert (await here.end_of(job))["status"] == "COMPLETED"


async def test_every_worker_stops_after_one_refusal(redis_url: str) -> None:
    """Fifty jobs wait, and upstream was asked for those that were under way already, at most."""
    async with town(redis_url, worker=False, max_in_flight=2) as here, AsyncExitStack() as stack:
        await here.mischief(credits=0)
        jobs = [await here.submit() for _ in range(10)]
        for _ in range(2):
            await start_worker(stack, here.tools)
        while await here.tools.gate.paused() is None:
            await here.get(jobs[0], "?wait=0.1")
        assert len(await here.attempts()) <= 2
        await here.mischief(credits=500)
        await here.tools.gate.resume()
        assert [(await here.end_of(job))["status"] for job in jobs] == ["COMPLETED"] * 10


async def test_an_operators_pause_is_not_ended_by_a_well_account(redis_url: str, redis: Redis) -> None:
    """Only by an operator."""
    async with town(redis_url, worker=False) as here:
        stopped = Pause(cause=Cause.OPERATOR, reason="maintenance", since=utc_now(), by="ops")
        await here.tools.gate.pause(stopped)
        assert await probed(here, redis) == stopped


async def test_an_account_that_cannot_be_asked_stays_paused(redis_url: str, redis: Redis) -> None:
    """Upstream being away is no sign of credits."""
    async with town(redis_url, worker=False) as here:
        await here.mischief(credits=3)
        await attempt(here)
        await here.mischief(key_inactive=True)
        assert await probed(here, redis) is not None


async def test_a_job_that_is_refused_though_there_are_credits_fails_alone(redis_url: str) -> None:
    """Tried twice, since credits may have come in between; those behind it go on, and nothing was paused."""
    async with town(redis_url, worker=False) as here:
        await here.mischief(submit_402=1, times=2)
        job = await attempt(here)
        assert (job["status"], await here.tools.gate.paused()) == ("PENDING", None)
        later = utc_now() + timedelta(seconds=60)
        again = await here.tools.store.work.claim(later, lease=here.tools.lease, max_in_flight=9, webhooks=None)
        assert again.job_id == job["id"]
        await submit(here.tools, job["id"])
        job = await here.get(job)
        assert (job["status"], job["error"]["code"]) == ("FAILED", "insufficient_credits")
        assert (await attempt(here))["status"] == "QUEUED"
        assert (await here.charges(), await here.tools.gate.paused()) == ([16], None)


async def test_a_job_that_upstream_may_have_never_fails_for_want_of_credits(redis_url: str) -> None:
    """It was charged, perhaps: only upstream can say what became of it."""
    async with town(redis_url, worker=False) as here:
        job = await here.submit()
        job_id = await claim(here.tools)
        doubt = Deferred("504", utc_now(), outcome_unknown=True)
        await here.tools.store.apply(doubt, utc_now(), job_id=job_id, silence=timedelta(seconds=9))
        await here.mischief(submit_402=1)
        for _ in range(3):
            await submit(here.tools, job_id)
        assert (await here.get(job))["status"] == "PENDING"


async def test_two_refusals_for_want_of_credits_count_only_in_a_row(redis_url: str) -> None:
    """Something else came between: the first one is forgotten."""
    async with town(redis_url, worker=False) as here:
        job = await here.submit()
        for mischief in ({"submit_402": 1}, {"submit_503": 1}, {"submit_402": 1}):
            await here.mischief(**mischief)
            later = utc_now() + timedelta(minutes=1)
            found = await here.tools.store.work.claim(later, lease=timedelta(0), max_in_flight=9, webhooks=None)
            await here.tools.gate.resume()
            await submit(here.tools, found.job_id or job["id"])
            await here.tools.gate.resume()
        assert (await here.get(job))["status"] == "PENDING"

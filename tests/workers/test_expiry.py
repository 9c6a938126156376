"""An answer was lost, and upstream was away until it had forgotten our key: the job is searched for, not sent again."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from tests.door import key
from tests.town import Town, town
from tests.workers.test_submit import claim
from tracker.clock import utc_now
from tracker.events import Deferred
from tracker.store.keys import name
from workers.expiry import expire
from workers.submit import submit
from workers.tools import Tools

SILENCE = timedelta(seconds=30)
pytestmark = pytest.mark.usefixtures("redis")


def a_day_later(tools: Tools) -> Tools:
    """The same worker with its clock put forward."""
    return replace(tools, clock=lambda: utc_now() + timedelta(days=1, minutes=1))


async def lost(here: Town, **fields: Any) -> dict[str, Any]:
    """A job that upstream has taken, of which we know nothing but that it was tried."""
    await here.mischief(submit_504=1, webhook_dropped=1)
    job = await here.submit(**fields)
    await submit(here.tools, await claim(here.tools))
    await here.mischief(webhook_dropped=1)
    found = await here.get(job)
    assert (found["status"], found["upstreamJobId"]) == ("PENDING", None)
    return found


@pytest.mark.parametrize("webhooks", [True, False], ids=["by its address", "by what was asked for"])
async def test_a_job_whose_answer_was_lost_is_found_in_upstreams_list(redis_url: str, webhooks: bool) -> None:
    """Among others; one charge, and it completes."""
    async with town(redis_url, worker=False, webhooks=webhooks) as here:
        jobs = [await lost(here, prompt=f"the {n}.") for n in range(3)]
        later = a_day_later(here.tools)
        assert await expire(later) == 3
        for job in jobs:
            upstream_id = (await here.get(job))["upstreamJobId"]
            theirs = (await here.sandbox.get(f"/sandbox/jobs/{upstream_id}/settled")).json()
            assert theirs["input"]["prompt"] == job["prompt"]
            await later.lookups.ask(job["id"])
            assert (await here.get(job))["status"] == "COMPLETED"
        assert await here.charges() == [16] * 3


async def test_a_job_that_upstream_does_not_have_expires(redis_url: str) -> None:
    """It was tried, and nothing came of it."""
    async with town(redis_url, worker=False) as here:
        job = await here.submit()
        doubt = Deferred("cut", utc_now(), outcome_unknown=True)
        await here.tools.store.apply(doubt, utc_now(), job_id=await claim(here.tools), silence=timedelta(seconds=9))
        assert await expire(a_day_later(here.tools)) == 1
        assert (await here.get(job))["error"]["code"] == "expired"


async def test_while_upstream_cannot_be_searched_nothing_that_was_tried_expires(redis_url: str) -> None:
    """What was never tried does: upstream cannot have it."""
    async with town(redis_url, worker=False) as here:
        tried, untried = await lost(here), await here.submit()
        await here.mischief(poll_503=1, webhook_dropped=1)
        assert await expire(a_day_later(here.tools)) == 1
        assert [(await here.get(job))["status"] for job in (tried, untried)] == ["PENDING", "FAILED"]


async def test_which_of_two_equal_jobs_it_is_is_not_guessed(redis_url: str) -> None:
    """Without an address for webhooks nothing tells them apart: both are told to a person."""
    async with town(redis_url, worker=False, webhooks=False) as here:
        jobs = [await lost(here, prompt="the same") for _ in range(2)]
        assert await expire(a_day_later(here.tools)) == 2
        for job in jobs:
            error = (await here.get(job))["error"]
            assert (error["code"], "Apiframe has 2 jobs like it" in error["message"]) == ("expired", True)


async def test_an_attempt_with_a_key_that_was_rotated_out_is_searched_for_before_it_is_repeated(redis_url: str) -> None:
    """Should upstream remember our Idempotency-Key for the old key alone, a repetition would be charged."""
    async with town(redis_url, worker=False) as here:
        job = await lost(here)
        later = utc_now() + timedelta(minutes=1)
        again = await here.tools.store.work.claim(
            later, lease=SILENCE, max_in_flight=9, webhooks=None, key_mark="another"
        )
        assert again.job_id == job["id"]
        await here.mischief(poll_503=1, webhook_dropped=1)
        await submit(here.tools, job["id"])
        assert (await here.get(job))["status"] == "PENDING"
        await here.mischief(webhook_dropped=1)
        await submit(here.tools, job["id"])
        assert (await here.get(job))["upstreamJobId"] is not None
        assert (len(await here.attempts()), await here.charges()) == (1, [16])


async def test_an_attempt_with_another_key_that_came_to_nothing_is_repeated(redis_url: str) -> None:
    """Upstream has nothing like it."""
    async with town(redis_url, worker=False) as here:
        job = await here.submit()
        await here.tools.store.work.claim(utc_now(), lease=timedelta(0), max_in_flight=9, webhooks=None, key_mark="old")
        await submit(here.tools, await claim(here.tools))
        assert ((await here.get(job))["status"], await here.charges()) == ("QUEUED", [16])


async def test_a_job_of_upstreams_that_tells_nothing_may_be_ours(redis_url: str, redis: Redis) -> None:
    """Its input is optional there. It is neither sent again under another key nor bound on a guess."""
    async with town(redis_url, worker=False, webhooks=False) as here:
        job = await lost(here)
        await here.mischief(input_hidden=True)
        later = utc_now() + timedelta(minutes=1)
        await here.tools.store.work.claim(later, lease=SILENCE, max_in_flight=9, webhooks=None, key_mark="another")
        await submit(here.tools, job["id"])
        assert ((await here.get(job))["status"], len(await here.attempts())) == ("PENDING", 1)
        assert await expire(a_day_later(here.tools)) == 1
        assert "nothing tells which one" in (await here.get(job))["error"]["message"]


async def test_a_job_that_somebody_registered_meanwhile_is_theirs(redis_url: str) -> None:
    """Its submitter is told so, once."""
    async with town(redis_url, worker=False) as here:
        job = await lost(here)
        [theirs] = [one["id"] for one in (await _upstreams_jobs(here)) if one["id"] != here.parent_id]
        tracked = {"upstreamJobId": theirs}
        answer = await here.api.post("/v1/jobs/track", json=tracked, headers=key("shop"))
        assert answer.status_code == 201
        assert await expire(a_day_later(here.tools)) == 1
        assert (await here.get(job))["error"]["code"] == "expired"


async def _upstreams_jobs(here: Town) -> list[dict[str, Any]]:
    jobs: list[dict[str, Any]] = (await here.sandbox.get("/sandbox/jobs")).json()["jobs"]
    return jobs


async def test_of_two_equal_late_jobs_neither_takes_the_one_that_upstream_has(redis_url: str) -> None:
    """Without an address for webhooks it may be either one's, and their masks differ."""
    async with town(redis_url, worker=False, webhooks=False) as here:
        theirs = await lost(here, prompt="the same")
        other = await here.submit(prompt="the same")
        assert await claim(here.tools) == other["id"]
        await here.mischief()
        assert await expire(a_day_later(here.tools)) == 2
        for job in (theirs, other):
            error = (await here.get(job))["error"]
            assert (error["code"], "nothing tells which" in error["message"]) == ("expired", True)


async def test_a_search_that_is_told_to_slow_down_slows_all_lookups_down(redis_url: str, redis: Redis) -> None:
    """It is made of them."""
    async with town(redis_url, worker=False) as here:
        await lost(here)
        await here.mischief(poll_429=1, retry_after=9)
        assert await expire(a_day_later(here.tools)) == 0
        assert 8_000 < await redis.pttl(name("quiet")) <= 9_000

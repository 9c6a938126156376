"""Submission against the stand-in for Apiframe: what each answer means for a job, its credits and those behind it."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from tests.samples import delivered, pending_job, upstream_id
from tests.town import Town, start_worker, town
from tracker.apiframe.protocol import Rejected
from tracker.clock import utc_now
from tracker.events import Deferred, Refused
from tracker.job import Status
from tracker.queue import QUEUE_NAME
from tracker.store.keys import name
from tracker.store.wire import Stored
from workers.expiry import expire
from workers.submit import event_of, submit
from workers.tools import Tools

pytestmark = pytest.mark.usefixtures("redis")


async def claim(tools: Tools) -> str:
    """Takes the first pending job, as a worker does."""
    found = await tools.store.work.claim(utc_now(), lease=tools.lease, max_in_flight=9, webhooks=tools.webhooks)
    assert found.job_id is not None
    return found.job_id


async def attempt(here: Town) -> dict[str, Any]:
    """One attempt for one new job; returns the job afterwards."""
    job = await here.submit()
    await submit(here.tools, await claim(here.tools))
    return await here.get(job)


async def test_a_job_goes_from_a_caller_to_four_images(redis_url: str) -> None:
    """The main road: one charge, a signed webhook for each step, settled by one."""
    async with town(redis_url) as here:
        job = await here.end_of(await here.submit(prompt="a balloon", labels={"order": "1"}))
        assert (job["status"], job["progress"], job["settledBy"]) == ("COMPLETED", 100, "webhook")
        assert (len(job["result"]["images"]), job["creditCost"], await here.charges()) == (4, 16, [16])
        assert job["result"]["gridUrl"].endswith("-grid.png")
        assert (await here.sandbox.get(job["result"]["images"][0])).headers["content-type"] == "image/png"


async def test_the_submission_is_what_the_contract_says(redis_url: str) -> None:
    """Our id as Idempotency-Key and in webhookUrl, all three events, our own User-Agent."""
    async with town(redis_url, worker=False) as here:
        job = await attempt(here)
        [line] = await here.attempts()
        assert line["idempotencyKey"] == job["id"]
        assert line["userAgent"] == here.settings.apiframe_user_agent
        sent = (await here.sandbox.get(f"/v2/jobs/{job['upstreamJobId']}", headers=_upstream_key(here))).json()["input"]
        assert sent["webhookUrl"] == f"{here.settings.public_url}/webhooks/apiframe/{job['id']}"
        assert sent["webhookEvents"] == ["progress", "completed", "failed"]
        assert "mask" not in sent


def _upstream_key(here: Town) -> dict[str, str]:
    return {"X-API-Key": here.settings.apiframe_api_key.get_secret_value()}


async def test_without_a_public_url_every_job_completes_by_polling(redis_url: str) -> None:
    """No webhook is asked for, and none comes."""
    async with town(redis_url, webhooks=False) as here:
        jobs = [await here.submit() for _ in range(3)]
        for job in jobs:
            final = await here.end_of(job)
            assert (final["status"], final["settledBy"]) == ("COMPLETED", "poll")


async def test_jobs_go_out_in_order_and_under_the_limit(redis_url: str) -> None:
    """Never more than MAX_IN_FLIGHT at upstream; a slot that is freed is used at once."""
    async with town(redis_url, max_in_flight=2, sandbox={"run_seconds": 0.1}) as here:
        jobs = [await here.submit() for _ in range(6)]
        for job in jobs:
            assert (await here.end_of(job))["status"] == "COMPLETED"
        keys = [line["idempotencyKey"] for line in await here.attempts()]
        places = [keys.index(job["id"]) for job in jobs]
        assert sorted(places) == list(range(len(jobs)))
        assert all(abs(place - n) < 2 for n, place in enumerate(places))  # two are under way side by side
        assert await here.charges() == [16] * 6


@pytest.mark.parametrize(("parent", "words"), [("unknown", "404"), ("grid", "400")])
async def test_dossier_13_17_a_refusal_of_the_job_is_final_with_upstreams_words(
    redis_url: str, parent: str, words: str
) -> None:
    """An unsuitable parent costs nothing and is not tried again."""
    async with town(redis_url) as here:
        job = await here.end_of(await here.submit(parentJobId=await _parent(here, parent)))
        assert (job["status"], job["error"]["code"], job["settledBy"]) == ("FAILED", "rejected", "worker")
        assert words in job["error"]["message"]
        assert len(await here.attempts()) == 1


async def _parent(here: Town, kind: str) -> str:
    if kind == "unknown":
        return str(uuid4())
    request = {"model": "midjourney", "prompt": "a lake"}
    answer = await here.sandbox.post("/v2/images/generate", json=request, headers=_upstream_key(here))
    job_id: str = answer.json()["jobId"]
    await here.sandbox.get(f"/sandbox/jobs/{job_id}/settled")
    return job_id


@pytest.mark.parametrize(
    ("mischief", "reason"),
    [
        ({"submit_429": 1, "retry_after": 7}, "429"),
        ({"submit_edge_403": 1}, "block"),
        ({"submit_503": 1}, ""),
    ],
)
async def test_what_concerns_everybody_leaves_the_job_pending_and_holds_them_all(
    redis_url: str, redis: Redis, mischief: dict[str, Any], reason: str
) -> None:
    """Nobody submits for a while, the reason can be read, the mask stays, and nothing is charged."""
    async with town(redis_url, worker=False) as here:
        job = await here.submit()
        await here.mischief(**mischief)
        await submit(here.tools, await claim(here.tools))
        after = await here.get(job)
        assert (after["status"], after["error"], await here.charges()) == ("PENDING", None, [])
        assert reason in (await redis.get(name("hold"))).decode()
        assert await here.tools.store.mask(job["id"]) is not None
        assert await redis.zcard(name("inflight")) == 0


async def test_dossier_13_29_retry_after_is_obeyed(redis_url: str, redis: Redis) -> None:
    """By all workers, since the hold lies in Redis."""
    async with town(redis_url, worker=False) as here:
        await here.mischief(submit_429=1, retry_after=7)
        await attempt(here)
        assert 6_000 < await redis.pttl(name("hold")) <= 7_000


async def test_a_job_that_was_put_off_goes_out_when_the_hindrance_is_gone(redis_url: str) -> None:
    """In its old place in the queue."""
    async with town(redis_url, worker=False, max_in_flight=1) as here:
        await here.mischief(submit_429=1, retry_after=1, times=1)
        first = await attempt(here)
        second = await here.submit()
        async with AsyncExitStack() as stack:
            await start_worker(stack, here.tools)
            assert [(await here.end_of(job))["status"] for job in (first, second)] == ["COMPLETED"] * 2
        assert [line["idempotencyKey"] for line in await here.attempts()][-2:] == [first["id"], second["id"]]


@pytest.mark.parametrize("fault", ["submit_504", "submit_cut", "submit_without_id"])
async def test_dossier_13_15_an_answer_that_was_lost_is_asked_for_again_under_the_same_key(
    redis_url: str, fault: str
) -> None:
    """Upstream had taken the job: one upstream job, one charge, and it completes."""
    async with town(redis_url, webhooks=False, mischief={fault: 1, "times": 1}) as here:
        job = await here.end_of(await here.submit())
        assert (job["status"], await here.charges()) == ("COMPLETED", [16])
        keys = [line["idempotencyKey"] for line in await here.attempts()]
        assert keys == [job["id"]] * 2
        assert ("deferred", "noted") in await here.outcomes(job)


async def test_dossier_13_16_a_replay_that_names_a_failed_job_is_reported_as_failed(redis_url: str) -> None:
    """Never submitted anew by itself: a re-run is an explicit new attempt."""
    mischief = {"submit_504": 1, "job_failed": 1, "times": 1}
    async with town(redis_url, webhooks=False, mischief=mischief, sandbox={"run_seconds": 0.01}) as here:
        job = await here.end_of(await here.submit())
        assert (job["status"], job["error"]["code"]) == ("FAILED", "provider_failed")
        assert await here.charges() == [16]


async def test_dossier_13_18_a_conflict_over_the_key_is_final(redis_url: str) -> None:
    """409: a bug on our side, so it is shown, not repeated."""
    async with town(redis_url, worker=False) as here:
        job = await here.submit()
        generated = {"model": "midjourney", "prompt": "a lake"}
        headers = {**_upstream_key(here), "Idempotency-Key": job["id"]}
        await here.sandbox.post("/v2/images/generate", json=generated, headers=headers)
        await submit(here.tools, await claim(here.tools))
        after = await here.get(job)
        assert (after["status"], after["error"]["code"]) == ("FAILED", "rejected")
        assert "409" in after["error"]["message"]


async def test_a_job_whose_time_is_over_is_not_submitted(redis_url: str) -> None:
    """After 24 h upstream has forgotten the key, and a repetition would be charged again."""
    async with town(redis_url, worker=False, submit_within_seconds=60) as here:
        job = await here.submit()
        job_id = await claim(here.tools)
        later = replace(here.tools, clock=lambda: utc_now() + timedelta(seconds=61))
        latest = replace(here.tools, clock=lambda: utc_now() + timedelta(seconds=200))
        await submit(later, job_id)
        assert await expire(later) == 0  # an attempt that began in time may be under way
        assert await expire(latest) == 1
        after = await here.get(job)
        assert (after["status"], after["error"]["code"], await here.attempts()) == ("FAILED", "expired", [])


async def test_a_job_whose_mask_is_gone_expires(redis_url: str, redis: Redis) -> None:
    """There is nothing left to send."""
    async with town(redis_url, worker=False) as here:
        job = await here.submit()
        await redis.delete(name("mask", job["id"]))
        await submit(here.tools, await claim(here.tools))
        assert (await here.get(job))["error"]["code"] == "expired"


async def test_the_sweep_finds_a_job_that_no_message_announced(redis_url: str, redis: Redis) -> None:
    """arq's queue is lost; the index of pending jobs is not."""
    async with town(redis_url, worker=False) as here:
        job = await here.submit()
        await redis.delete(QUEUE_NAME)
        async with AsyncExitStack() as stack:
            await start_worker(stack, here.tools)
            assert (await here.end_of(job))["status"] == "COMPLETED"


async def test_two_workers_never_submit_one_job_twice(redis_url: str) -> None:
    """Each job is claimed by one."""
    async with town(redis_url, worker=False) as here, AsyncExitStack() as stack:
        jobs = [await here.submit() for _ in range(20)]
        for _ in range(3):
            await start_worker(stack, here.tools)
        for job in jobs:
            assert (await here.end_of(job))["status"] == "COMPLETED"
        assert len(await here.attempts()) == 20


async def test_a_webhook_between_claim_and_attempt_is_not_undone(redis_url: str) -> None:
    """It has bound the job and deleted the mask: there is nothing left to submit, and nothing has expired."""
    async with town(redis_url, worker=False) as here:
        job = await here.submit()
        job_id = await claim(here.tools)
        news = delivered(upstream_id(), Status.PROCESSING)
        await here.tools.store.apply(news, utc_now(), job_id=job_id, silence=here.tools.lease)
        await submit(here.tools, job_id)
        assert (await here.get(job))["status"] == "PROCESSING"
        assert await here.attempts() == []


async def test_a_storm_of_lost_answers_passes(redis_url: str) -> None:
    """Every slot is in doubt and a backlog waits; once upstream is well, all of them complete, each charged once."""
    async with town(redis_url, worker=False, max_in_flight=4) as here, AsyncExitStack() as stack:
        await here.mischief(submit_504=1)
        jobs = [await here.submit() for _ in range(40)]
        await start_worker(stack, here.tools)
        while len(await here.attempts()) < 8:
            await asyncio.sleep(0.05)
        await here.mischief()
        for job in jobs:
            assert (await here.end_of(job))["status"] == "COMPLETED"
        assert await here.charges() == [16] * 40


async def test_a_409_in_doubt_is_no_refusal(redis_url: str) -> None:
    """An earlier attempt under the same key may still be under way at upstream."""
    stored = Stored(pending_job(), 1, attempts=2, misses=0, missing_since=None, doubtful=True, webhook_url=None)
    refusal = Rejected(409, "in use")
    event = event_of(refusal, stored, utc_now())
    assert isinstance(event, Deferred)
    assert event.outcome_unknown
    assert isinstance(event_of(refusal, replace(stored, doubtful=False), utc_now()), Refused)
    assert isinstance(event_of(refusal, replace(stored, attempts=99), utc_now()), Refused)

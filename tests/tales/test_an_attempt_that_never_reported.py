"""A worker is killed between upstream's answer and our write, and what comes after it is a plain refusal.

The refusal is of the repetition alone: upstream has the job, and has charged for it. So the job keeps its slot, is
neither failed nor cancelled for it, and is searched for before it is sent under another key.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from tests.door import UPSTREAM_KEY, assert_problem, key
from tests.town import Town, town
from tracker.apiframe.client import ApiframeClient
from tracker.clock import utc_now
from tracker.events import Accepted
from tracker.store.keys import name
from workers.submit import submit
from workers.tools import Tools

pytestmark = pytest.mark.usefixtures("redis")
NEW_KEY = "afk_new_0123456789abcdef0123456789abcdef"


async def claimed(tools: Tools, *, later: timedelta = timedelta(0)) -> str:
    """By a worker whose clock is put forward, so that leases have ended."""
    found = await tools.store.work.claim(
        utc_now() + later, lease=tools.lease, max_in_flight=9, webhooks=tools.webhooks, key_mark=tools.key_mark
    )
    assert found.job_id is not None
    return found.job_id


async def killed_after_the_answer(here: Town) -> dict[str, Any]:
    """Upstream has taken the job, and nothing of that was written."""
    job = await here.submit()
    stored, mask = await here.tools.store.get(await claimed(here.tools)), await here.tools.store.mask(job["id"])
    assert stored is not None
    assert mask is not None
    answer = await here.tools.apiframe.inpaint(job["id"], here.parent_id, mask, stored.job.prompt, stored.webhook_url)
    assert isinstance(answer, Accepted)
    return job


async def tried_again(tools: Tools) -> None:
    await submit(tools, await claimed(tools, later=timedelta(minutes=1)))


async def test_a_key_that_is_rotated_meanwhile_does_not_charge_again(redis_url: str, redis: Redis) -> None:
    """The old one is refused, submissions pause, the new one is put in its place; upstream knows our key by neither."""
    async with town(redis_url, worker=False, sandbox={"api_keys": (UPSTREAM_KEY, NEW_KEY)}) as here:
        await here.mischief(webhook_dropped=1)
        job = await killed_after_the_answer(here)
        await here.mischief(key_inactive=True, webhook_dropped=1)
        await tried_again(here.tools)
        assert await redis.zcard(name("inflight")) == 1
        await here.mischief(webhook_dropped=1)
        await here.tools.gate.resume()
        settings = here.settings.model_copy(update={"apiframe_api_key": SecretStr(NEW_KEY)})
        async with ApiframeClient(settings) as apiframe:
            await tried_again(replace(here.tools, settings=settings, apiframe=apiframe))
        assert ((await here.get(job))["upstreamJobId"] is not None, await here.charges()) == (True, [16])


async def test_want_of_credits_does_not_fail_it(redis_url: str) -> None:
    """However often: only upstream can say what became of it."""
    async with town(redis_url, worker=False, webhooks=False) as here:
        job = await killed_after_the_answer(here)
        await here.mischief(submit_402=1)
        for _ in range(3):
            await tried_again(here.tools)
        assert (await here.get(job))["status"] == "PENDING"


async def test_it_cannot_be_cancelled(redis_url: str) -> None:
    """Its caller would be told that nothing was charged."""
    async with town(redis_url, worker=False, webhooks=False) as here:
        job = await killed_after_the_answer(here)
        await here.mischief(submit_429=1)
        await tried_again(here.tools)
        answer = await here.api.post(f"/v1/jobs/{job['id']}/cancel", headers=key("editor"))
        assert_problem(answer, 409)

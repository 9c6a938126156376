"""The client's queue door, against a real worker."""

import asyncio
from pathlib import Path

import pytest
from inpaint_tracker_client import Conflict
from inpaint_tracker_client.queue import Queue

from tests.door import mask_png
from tests.samples import PARENT
from tests.workers.test_door import standing

pytestmark = pytest.mark.usefixtures("redis")


async def test_a_submission_through_the_queue_is_a_job_like_any_other(redis_url: str, tmp_path: Path) -> None:
    """Its id is known at once."""
    async with asyncio.timeout(40), standing(redis_url, tmp_path) as (here, _), Queue(redis_url, "editor") as queue:
        job_id = await queue.submit(here.parent_id, mask_png(), prompt="x", labels={"order": "8"})
        while "id" not in (job := await here.get({"id": job_id})):
            await asyncio.sleep(0.02)
        job = await here.end_of({"id": job_id})
        assert (job["id"], job["status"], job["prompt"], job["labels"]) == (job_id, "COMPLETED", "x", {"order": "8"})


async def test_a_key_stands_for_one_job_however_often_it_is_sent(redis_url: str) -> None:
    """At once, and for one request alone."""
    async with Queue(redis_url, "editor") as queue:
        sent = [queue.submit(PARENT, mask_png(), idempotency_key="order-8") for _ in range(20)]
        assert len(set(await asyncio.gather(*sent))) == 1
        with pytest.raises(Conflict, match="another request"):
            await queue.submit(PARENT, mask_png(), prompt="other", idempotency_key="order-8")


async def test_two_submissions_without_a_key_are_two_jobs(redis_url: str) -> None:
    """Each with an id of its own, in order."""
    async with Queue(redis_url, "editor") as queue:
        first = await queue.submit(PARENT, mask_png())
        await asyncio.sleep(0.002)
        second = await queue.submit(PARENT, mask_png())
    assert first < second
    assert first[14] == second[14] == "7"

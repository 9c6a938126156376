"""Redis has reached `maxmemory`, and by `noeviction` takes nothing more.

What is there can be read, nothing is half written, nothing that is answered well is lost, and once there is room all
goes on by itself.
"""

import asyncio

from redis.asyncio import Redis

from tests.door import assert_problem, key, signed, submission
from tests.samples import Sample, upstream_id
from tests.town import town
from tracker.clock import utc_now
from tracker.store.jobs import JobStore
from tracker.transitions import State

SLOW = {"run_seconds": 1.5, "progress_step": 10}


async def test_a_full_redis_is_read_and_not_written(redis: Redis, redis_url: str) -> None:
    """503 for what would have to be written; retention, which makes room, still works."""
    async with asyncio.timeout(60), town(redis_url, sandbox=SLOW) as here:
        done = await here.end_of(await here.submit())
        running = await here.submit()
        await here.until(running, "PROCESSING")
        await redis.config_set("maxmemory", 1)
        try:
            waiting = await here.api.post(
                "/v1/jobs", json=submission(parentJobId=here.parent_id), headers=key("editor")
            )
            assert "(it is full)" in assert_problem(waiting, 503)["detail"]
            news = {"event": "progress", "jobId": upstream_id(), "status": "PROCESSING", "progress": 45}
            refused = await here.api.post("/webhooks/apiframe", **signed(news))
            assert "(it is full)" in assert_problem(refused, 503)["detail"]
            assert (await here.api.get("/readyz")).status_code == 200
            assert (await here.api.get("/v1/stats", headers=key("ops"))).status_code == 200
            assert (await here.get(done))["status"] == "COMPLETED"
            listed = (await here.api.get("/v1/jobs", headers=key("editor"))).json()["jobs"]
            assert [job["id"] for job in listed] == [running["id"], done["id"]]
            assert (await here.end_of(running))["status"] == "COMPLETED"  # an end takes away before it writes
        finally:
            await redis.config_set("maxmemory", 0)
        assert (await here.end_of(await here.submit()))["settledBy"] == "webhook"


async def test_retention_makes_room_in_a_full_redis(redis: Redis, store: JobStore, sample: Sample) -> None:
    """It only takes away, all of a job or nothing."""
    await sample.in_state(State.COMPLETED)
    await redis.config_set("maxmemory", 1)
    try:
        assert await store.work.retire(utc_now()) == 1
    finally:
        await redis.config_set("maxmemory", 0)
    assert await store.get(sample.job.id) is None

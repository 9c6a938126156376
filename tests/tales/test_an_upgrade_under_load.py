"""A version with another layout is rolled out while upstream delivers and callers submit.

The jobs in Redis are of layout 1: some run, many are over. The service of today finds them and is not ready; a worker
comes and brings them over. Meanwhile deliveries arrive for what runs, new jobs come in, and people look at old ones.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from tests.aging import age
from tests.door import assert_problem, key, submission
from tests.processes import Process, environment, started
from tests.samples import Sample
from tests.town import Town, start_worker, town
from tracker.store import layout1
from tracker.store.jobs import JobStore
from tracker.store.keys import VERSION, name
from tracker.store.layouts import Layouts
from tracker.transitions import State

OVER, RUNNING, NEW = 400, 10, 10
ORDER = ("PENDING", "QUEUED", "PROCESSING", "COMPLETED")
SLOW = {"run_seconds": 3.0, "progress_step": 5}


async def over(store: JobStore, many: int) -> list[str]:
    """Jobs that have ended."""
    return [(await Sample(store).in_state(State.COMPLETED)).job.id for _ in range(many)]


async def running(here: Town, many: int) -> list[dict[str, Any]]:
    """Jobs that upstream works on, and tells of."""
    jobs = [await here.submit() for _ in range(many)]
    for job in jobs:
        await here.until(job, "PROCESSING")
    return jobs


async def watched(here: Town, job: dict[str, Any]) -> dict[str, Any]:
    """The job's end; nothing of it ever goes back."""
    seen, progress = "PENDING", 0
    while seen != "COMPLETED":
        answer = await here.api.get(f"/v1/jobs/{job['id']}", headers=key("editor"))
        assert answer.status_code in (200, 503), answer.text
        if answer.status_code == 200:
            job = answer.json()
            assert (ORDER.index(job["status"]), job["progress"]) >= (ORDER.index(seen), progress)
            seen, progress = job["status"], job["progress"]
        await asyncio.sleep(0.05)
    return job


async def asked_for(here: Town, job_ids: Sequence[str]) -> None:
    """Every old job is there, whenever somebody looks, and there once in the list."""
    for job_id in job_ids:
        answer = await here.api.get(f"/v1/jobs/{job_id}", headers=key("editor"))
        assert (answer.status_code, answer.json()["status"]) == (200, "COMPLETED")
    listed, query = list[str](), "?limit=100&createdBefore=2026-04-01T00:00:00Z"
    while query:
        page = (await here.api.get(f"/v1/jobs{query}", headers=key("editor"))).json()
        listed += [job["id"] for job in page["jobs"]]
        query = page["nextCursor"] and f"?limit=100&createdBefore=2026-04-01T00:00:00Z&cursor={page['nextCursor']}"
    assert listed == sorted(job_ids, reverse=True)


async def test_jobs_of_the_layout_before_end_as_if_nothing_had_been(
    redis: Redis, redis_url: str, store: JobStore, tmp_path: Path
) -> None:
    """All complete, none is charged twice, and the worker says what it does."""
    past = await over(store, OVER)
    async with asyncio.timeout(90), town(redis_url, worker=False, sandbox=SLOW) as here:
        async with AsyncExitStack() as old_worker:
            await start_worker(old_worker, here.tools)
            under_way = await running(here, RUNNING)
        waiting = [await here.submit() for _ in range(3)]
        assert await age(redis) == OVER + RUNNING + 3
        assert (await here.api.get("/readyz")).json()["detail"].startswith("Redis has layout 1")
        async with a_worker(here, redis_url, tmp_path) as worker, asyncio.TaskGroup() as everybody:
            ends = [everybody.create_task(watched(here, job)) for job in [*under_way, *waiting]]
            await worker.until_logged("what is under way is brought over")
            assert (await here.api.get("/readyz")).status_code == 200
            ends += [everybody.create_task(watched(here, await here.submit())) for _ in range(NEW)]
            await asked_for(here, past)
            await worker.until_logged("migration is over")
        assert [end.result()["status"] for end in ends] == ["COMPLETED"] * (RUNNING + 3 + NEW)
        assert await here.charges() == [16] * len(ends)
        assert (await Layouts(redis).stamp()).since is None
        assert not await layout1.of_these(redis, [*past, *(end.result()["id"] for end in ends)])


@asynccontextmanager
async def a_worker(here: Town, redis_url: str, folder: Path) -> AsyncIterator[Process]:
    """Of today's version, as an operator starts it."""
    base, public = here.settings.apiframe_base_url, str(here.settings.public_url)
    env = environment(
        redis_url, APIFRAME_BASE_URL=base, PUBLIC_URL=public, POLL_AFTER_SECONDS="1", RETENTION_DAYS="3650"
    )
    async with started(["cli", "worker"], env, folder / "worker.log") as process:
        yield process


async def test_an_older_process_beside_a_newer_one_does_nothing(redis: Redis, redis_url: str, tmp_path: Path) -> None:
    """It says why, at both doors and in the log, loses nothing, and goes on if the newer one was taken back."""
    async with (
        asyncio.timeout(60),
        town(redis_url, worker=False) as here,
        a_worker(here, redis_url, tmp_path) as worker,
    ):
        await here.end_of(await here.submit())
        await here.mischief(webhook_dropped=1)
        waiting = await here.submit()
        await redis.hset(name("layout"), "version", str(VERSION + 1))  # type: ignore[misc]
        before = await redis.get(name("job", waiting["id"]))
        answer = await here.api.post("/v1/jobs", json=submission(parentJobId=here.parent_id), headers=key("editor"))
        assert_problem(answer, 503)
        assert "Redis has layout 3" in answer.text
        assert "run the newer one" in (await here.api.get("/readyz")).json()["detail"]
        await worker.until_logged("run the newer one")
        assert await redis.get(name("job", waiting["id"])) == before
        await redis.hset(name("layout"), "version", str(VERSION))  # type: ignore[misc]
        assert (await here.end_of(waiting))["status"] == "COMPLETED"
        assert await here.charges() == [16, 16]

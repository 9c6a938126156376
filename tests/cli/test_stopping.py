"""What is in hand when a process is asked to stop is answered, ended or handed back, within ten seconds."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from redis.asyncio import Redis

from tests.door import key, signed
from tests.processes import Process, environment, free_port, started, until_ready
from tests.samples import PARENT
from tests.town import town

pytestmark = pytest.mark.usefixtures("redis")
WITHIN = 10.0


@asynccontextmanager
async def serving(redis_url: str, folder: Path) -> AsyncIterator[tuple[Process, httpx.AsyncClient]]:
    port = free_port()
    env = environment(redis_url, APIFRAME_BASE_URL="http://127.0.0.1:9", PORT=str(port))
    async with started(["cli", "serve"], env, folder / "log") as process:
        url = f"http://127.0.0.1:{port}"
        await until_ready(url, process)
        async with httpx.AsyncClient(base_url=url, headers=key("editor"), timeout=30) as api:
            yield process, api
        assert "Traceback" not in process.output()


async def test_a_service_is_not_ready_at_once_and_answers_what_it_has(
    redis: "Redis", redis_url: str, tmp_path: Path
) -> None:
    """While a delivery waits for Redis, nobody new is let in and the streams end; then it is acknowledged."""
    async with serving(redis_url, tmp_path) as (process, api), api.stream("GET", "/v1/stream") as stream:
        ended = asyncio.create_task(stream.aread())
        await asyncio.sleep(1)  # until it has read what it begins with
        await redis.client_pause(1_400)
        news = signed({"event": "progress", "jobId": PARENT, "status": "PROCESSING", "progress": 5})
        in_hand = asyncio.create_task(api.post("/webhooks/apiframe", **news))
        await asyncio.sleep(0.2)
        over = asyncio.create_task(process.stop())
        async with asyncio.timeout(1.0):
            await until_refused(str(api.base_url))
            await ended
        assert not in_hand.done()
        assert (await in_hand).status_code == 200
        async with asyncio.timeout(WITHIN):
            assert await over == 0


async def until_refused(url: str) -> None:
    """Whoever asks whether it is ready, as probes do, by a connection of their own."""
    while True:
        try:
            async with httpx.AsyncClient() as probe:
                if (await probe.get(f"{url}/readyz")).status_code == 503:
                    return
        except httpx.TransportError:
            return


async def test_a_worker_hands_back_what_upstream_does_not_answer(redis_url: str, tmp_path: Path) -> None:
    """The next repeats it with the same key, without waiting for the lease to end, and nothing is charged twice."""
    late = {"submit_delayed": 1, "delay_seconds": [8, 8], "times": 1}
    async with town(redis_url, webhooks=False, worker=False, mischief=late) as here:
        env = environment(redis_url, APIFRAME_BASE_URL=here.settings.apiframe_base_url)
        job = await here.submit()
        async with started(["cli", "worker"], env, tmp_path / "first.log") as first:
            while not await here.charges():
                await asyncio.sleep(0.05)
            began = time.monotonic()
            assert await first.stop() == 0
            assert time.monotonic() - began < WITHIN
        async with started(["cli", "worker"], env, tmp_path / "second.log"), asyncio.timeout(WITHIN):
            await here.until(job, "QUEUED")
        assert await here.charges() == [16]
        assert "it is repeated with the same key" in first.output()
        assert "Traceback" not in first.output()

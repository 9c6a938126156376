"""A Redis that says nothing, that wants another password, that still loads its data: told within seconds, and over as
soon as Redis is well."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest

from tests.door import key, signed
from tests.processes import environment, free_port, started
from tests.redis_server import redis_server
from tests.samples import PARENT
from tracker.store.connection import connect

MANY = 25
"""Of each kind of request."""
JOB = "01a21efa-3136-792e-8528-0d5ad26b9496"


@contextmanager
def a_redis(*options: str) -> Iterator[str]:
    with TemporaryDirectory(prefix="re-") as folder, redis_server(Path(folder), *options) as url:
        yield url


@asynccontextmanager
async def serving(redis_url: str, folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    port = free_port()
    env = environment(redis_url, APIFRAME_BASE_URL="http://127.0.0.1:9", PORT=str(port))
    limits = httpx.Limits(max_connections=None)
    async with started(["cli", "serve"], env, folder / "log") as process:
        await process.until_logged("service started")
        url = f"http://127.0.0.1:{port}"
        async with httpx.AsyncClient(base_url=url, headers=key("editor"), timeout=30, limits=limits) as api:
            yield api
        assert await process.stop() == 0
        assert "Traceback" not in process.output()


async def test_a_silent_redis_keeps_nobody_waiting(tmp_path: Path) -> None:
    """It takes connections and says nothing, as one that swaps does: each request has its 503 within seconds, however
    many there are."""
    with a_redis() as url:
        async with serving(url, tmp_path) as api, connect(url) as redis:
            pid = int((await redis.info("server"))["process_id"])
            news = signed({"event": "progress", "jobId": PARENT, "status": "PROCESSING", "progress": 5})
            os.kill(pid, signal.SIGSTOP)
            try:
                began = time.monotonic()
                answers = await asyncio.gather(
                    *(api.get(f"/v1/jobs/{JOB}") for _ in range(MANY)),
                    *(api.get("/v1/jobs") for _ in range(MANY)),
                    *(api.post("/webhooks/apiframe", **news) for _ in range(MANY)),
                    api.get("/readyz"),
                    api.get("/metrics"),
                )
                took = time.monotonic() - began
            finally:
                os.kill(pid, signal.SIGCONT)
            assert {one.status_code for one in answers[:-1]} == {503}
            assert answers[-1].status_code == 200
            assert took < 6
            async with asyncio.timeout(5):
                while (await api.get("/readyz")).status_code != 200:
                    await asyncio.sleep(0.05)


@pytest.mark.parametrize("given", ["", "?password=old"], ids=["none", "another"])
async def test_a_password_that_is_not_taken_is_named(tmp_path: Path, given: str) -> None:
    """By whatever tells of Redis, at once; and no password is shown."""
    with a_redis("--requirepass", "new") as url:
        async with serving(url + given, tmp_path) as api:
            answer = await api.get("/readyz")
            assert answer.status_code == 503
            assert "it wants another password than it is given" in answer.json()["detail"]
            assert "old" not in answer.text
            async with connect(f"{url}?password=new") as redis:
                await redis.config_set("requirepass", given.removeprefix("?password="))
            await asyncio.sleep(0.1)
            assert (await api.get("/readyz")).status_code == 200


async def test_a_redis_that_loads_its_data_is_waited_for(tmp_path: Path) -> None:
    """As after a restart of one that holds much."""
    with TemporaryDirectory(prefix="re-") as folder:
        with redis_server(Path(folder)) as url:
            async with connect(url) as redis:
                await redis.mset({f"other:{number}": "x" for number in range(2_000)})
                await redis.save()
        (Path(folder) / "r.sock").unlink(missing_ok=True)
        slowly = ("--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024")
        async with serving(url, tmp_path) as api:
            with redis_server(Path(folder), *slowly):
                answer = await api.get("/readyz")
                assert answer.status_code == 503
                assert "it loads its data" in answer.json()["detail"]
                async with asyncio.timeout(30):
                    while (await api.get("/readyz")).status_code != 200:
                        await asyncio.sleep(0.1)

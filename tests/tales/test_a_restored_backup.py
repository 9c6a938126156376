"""The disk of Redis is gone, and what is left is last night's copy: restored as docs/operations.md has it."""

import asyncio
import shutil
from asyncio.subprocess import DEVNULL, PIPE
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from redis.asyncio import Redis

from tests.redis_server import redis_server
from tests.town import Town, town
from tracker.store.connection import connect

RESTORE = Path(__file__).parents[2] / "deploy/restore"
SLOW = {"run_seconds": 4.0, "progress_step": 5}


async def copied(redis: Redis, folder: Path, to: Path) -> None:
    """While all runs: an RDB file is Redis as it was at one moment."""
    await redis.bgsave()
    while (await redis.info("persistence"))["rdb_bgsave_in_progress"]:
        await asyncio.sleep(0.05)
    shutil.copy(folder / "dump.rdb", to / "dump.rdb")


def emptied(folder: Path) -> None:
    for left in folder.iterdir():
        shutil.rmtree(left) if left.is_dir() else left.unlink()


async def restore(servers: ExitStack, folder: Path, kept: Path) -> None:
    """By our program, with a copy that takes a second or more to read, in which Redis answers `LOADING`."""
    config = kept / "redis.conf"
    config.write_text("appendonly yes\nkey-load-delay 15000\nloading-process-events-interval-bytes 1024\n")
    with (kept / "dump.rdb").open("rb") as copy:
        ended = await asyncio.create_subprocess_exec(RESTORE, folder, config, stdin=copy, stdout=PIPE, stderr=DEVNULL)
        told, _ = await ended.communicate()
    assert ended.returncode == 0, told
    servers.close()
    servers.enter_context(redis_server(folder, "--appendonly", "yes"))


async def until_ready(here: Town) -> None:
    while (await here.api.get("/readyz")).status_code != 200:
        await asyncio.sleep(0.05)


@pytest.mark.skipif(not shutil.which("redis-cli"), reason="redis-cli is not installed: apt-get install redis")
async def test_jobs_go_on_from_a_copy() -> None:
    """What had ended is there, what ran ends, each is charged once, and what came later is a stranger's."""
    with ExitStack() as servers:
        folder, kept = (Path(servers.enter_context(TemporaryDirectory(prefix="it-"))) for _ in "ab")
        first = ExitStack()
        url = first.enter_context(redis_server(folder, "--appendonly", "yes"))
        async with asyncio.timeout(60), town(url, sandbox=SLOW) as here:
            servers.enter_context(first)
            done = await here.end_of(await here.submit())
            running = await here.submit()
            await here.until(running, "PROCESSING")
            async with connect(url) as redis:
                await copied(redis, folder, kept)
            later = await here.submit()
            await here.until(later, "PROCESSING")
            first.close()
            emptied(folder)
            await restore(first, folder, kept)
            await until_ready(here)
            assert (await here.end_of(running))["status"] == "COMPLETED"
            assert await here.get(done) == done
            assert (await here.get(later))["status"] == 404
            assert await here.charges() == [16, 16, 16]

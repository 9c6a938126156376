"""A Redis of its own, one process that serves, and how much of a processor that has used."""

import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from redis.asyncio import Redis

from tests.processes import Process, environment, free_port, started, until_ready
from tests.redis_server import redis_server
from tracker.store.connection import connect
from tracker.store.jobs import JobStore

SERVICE = ("cli", "serve")


@dataclass(frozen=True)
class Served:
    host: str
    port: int
    process: Process

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def cpu_seconds(self) -> float:
        """Used so far, by Linux' account."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def a_redis() -> Iterator[str]:
    with TemporaryDirectory(prefix="be-") as folder, redis_server(Path(folder)) as url:
        yield url


@asynccontextmanager
async def serving(redis_url: str, command: Sequence[str] = SERVICE) -> AsyncIterator[Served]:
    """`command` is a module of Python's and its arguments; it takes --port, and says at /readyz that it is ready."""
    port = free_port()
    env = environment(
        redis_url, LOG_LEVEL="warning", APIFRAME_BASE_URL="http://127.0.0.1:9", PYTHONPATH=str(Path.cwd())
    )
    with TemporaryDirectory() as folder:
        async with started([*command, "--port", str(port)], env, Path(folder) / "log") as process:
            served = Served("127.0.0.1", port, process)
            await until_ready(served.url, process)
            yield served


@asynccontextmanager
async def a_store(redis_url: str) -> AsyncIterator[tuple[JobStore, Redis]]:
    redis: Redis
    async with connect(redis_url, reply_within=30) as redis:
        store = JobStore(redis, retention=timedelta(days=30), submit_within=timedelta(days=1))
        await store.ready()
        yield store, redis

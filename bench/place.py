"""A Redis of its own, one process that serves, and how much of a processor that has used.

What serves has the first processor for itself; Redis, and who sends or measures, share the others.
"""

import os
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from redis.asyncio import Redis

from tests.processes import Process, environment, free_port, started, until_ready
from tests.redis_server import redis_server
from tracker.store.connection import connect
from tracker.store.jobs import JobStore

SERVICE = ("cli", "serve")
RETENTION = timedelta(days=30)
PROCESSORS = sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else []
"""Those that this run may use."""


def keep_aside() -> None:
    """This process, and every one that it starts later, leaves the first processor to what serves."""
    if len(PROCESSORS) > 1:
        os.sched_setaffinity(0, PROCESSORS[1:])


class HasPid(Protocol):
    @property
    def pid(self) -> int: ...


def keep_on(process: HasPid, processors: Sequence[int] = PROCESSORS[:1]) -> None:
    """On the first processor, unless others are given, with every thread that it has yet to start."""
    if len(PROCESSORS) > 1:
        os.sched_setaffinity(process.pid, processors)


@dataclass(frozen=True)
class Served:
    host: str
    port: int
    process: Process

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def cpu_seconds(self) -> float:
        """Used so far, by Linux' account, in steps of 10 ms."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident(self) -> int:
        """Bytes of memory that are its own or shared, and there."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024


@contextmanager
def a_redis(*options: str, within: Path | None = None) -> Iterator[str]:
    """Its files are in a folder of their own, `within` one or where those that pass usually are."""
    with TemporaryDirectory(prefix="be-", dir=within) as folder, redis_server(Path(folder), *options) as url:
        yield url


@asynccontextmanager
async def serving(redis_url: str, command: Sequence[str] = SERVICE, **env: str) -> AsyncIterator[Served]:
    """`command` is a module of Python's and its arguments; it takes --port, and says at /readyz that it is ready."""
    port = free_port()
    with TemporaryDirectory() as folder:
        line = [*command, "--port", str(port)]
        async with started(line, surroundings(redis_url, **env), Path(folder) / "log") as process:
            keep_on(process)
            served = Served("127.0.0.1", port, process)
            await until_ready(served.url, process)
            yield served


def surroundings(redis_url: str, **env: str) -> dict[str, str]:
    """The environment of a process: quiet, and with an upstream that nobody reaches."""
    given = {"LOG_LEVEL": "warning", "APIFRAME_BASE_URL": "http://127.0.0.1:9", "PYTHONPATH": str(Path.cwd()), **env}
    return environment(redis_url, **given)


@asynccontextmanager
async def a_store(redis_url: str) -> AsyncIterator[tuple[JobStore, Redis]]:
    redis: Redis
    async with connect(redis_url, reply_within=30) as redis:
        store = JobStore(redis, retention=RETENTION, submit_within=timedelta(days=1))
        await store.ready()
        yield store, redis
        await store.aclose()

"""A Redis that a Sentinel looks after: a primary, its replica, and who changes them over within some seconds."""

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from redis.asyncio import Redis

from tests.processes import free_port
from tests.redis_server import binary
from tracker.store.connection import connect

PASSWORD = "s3cret"
DOWN_AFTER_MS = 5000
"""Told another password, a Sentinel connects anew, though not twice within a second, and its last ping may be another
second old: with less than 2,000 it would now and then take the primary for gone. So it would where the machine has a
hiccup."""


@dataclass
class Guarded:
    """`url` is what the service is told, `primary_url` the first primary's own, `replicas` the ports of
    its replicas."""

    url: str
    primary: "subprocess.Popen[bytes]"
    primary_url: str
    replicas: list[int]

    def to_replica(self, which: int = 0) -> Redis:
        return connect(f"redis://:{PASSWORD}@127.0.0.1:{self.replicas[which]}", retries=100)


@contextmanager
def guarded(folder: Path, replicas: int = 1) -> Iterator[Guarded]:
    first, watch, *others = (free_port() for _ in range(2 + replicas))
    config = folder / "sentinel.conf"
    config.write_text(
        f"port {watch}\ndir {folder}\nrequirepass watcher\n"
        f"sentinel monitor jobs 127.0.0.1 {first} 1\nsentinel auth-pass jobs {PASSWORD}\n"
        f"sentinel down-after-milliseconds jobs {DOWN_AFTER_MS}\nsentinel failover-timeout jobs 3000\n"
    )
    with ExitStack() as stack:
        primary = _started(stack, folder / "1", "--port", str(first))
        for port in others:
            _started(stack, folder / str(port), "--port", str(port), "--replicaof", "127.0.0.1", str(first))
        line = [binary(), str(config), "--sentinel"]
        _stopped(stack, subprocess.Popen(line, stdout=subprocess.DEVNULL))
        url = f"redis+sentinel://:{PASSWORD}@127.0.0.1:9,127.0.0.1:{watch}/jobs?sentinel_password=watcher"
        yield Guarded(url, primary, f"redis://:{PASSWORD}@127.0.0.1:{first}", others)


def _started(stack: ExitStack, folder: Path, *options: str) -> "subprocess.Popen[bytes]":
    folder.mkdir()
    options = ("--repl-diskless-sync-delay", "0", *options)
    kept = ["--dir", str(folder), "--save", "", "--requirepass", PASSWORD, "--masterauth", PASSWORD]
    return _stopped(stack, subprocess.Popen([binary(), *kept, *options], stdout=subprocess.DEVNULL))


def _stopped(stack: ExitStack, process: "subprocess.Popen[bytes]") -> "subprocess.Popen[bytes]":
    stack.callback(process.wait)
    stack.callback(process.kill)
    return process


async def until_replicated(here: Guarded, password: str = PASSWORD) -> None:
    """The Sentinel learns of a replica from its primary, some seconds after it has come."""
    async with connect(here.primary_url.replace(PASSWORD, password), retries=100) as primary:
        while await primary.set("x", "y") and await primary.wait(len(here.replicas), 1000) < len(here.replicas):
            pass
        await primary.delete("x")
    port = int(here.url.rpartition(":")[2].partition("/")[0])
    async with connect(f"redis://:watcher@127.0.0.1:{port}", retries=100) as sentinel:
        while (await sentinel.sentinel_master("jobs"))["num-slaves"] < len(here.replicas):  # type: ignore[no-untyped-call]
            await asyncio.sleep(0.1)


async def until_promoted(here: Guarded) -> None:
    """Another is primary. How long the Sentinel takes is not ours: after a hiccup of the machine, half a minute."""
    while True:
        for which in range(len(here.replicas)):
            async with here.to_replica(which) as replica:
                if (await replica.info("replication"))["role"] == "master":
                    return
        await asyncio.sleep(0.05)

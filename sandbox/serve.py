"""A sandbox over real HTTP, inside the running event loop: for tests, demos and benches."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.types import ASGIApp

from sandbox.app import create_app
from sandbox.life import Clock
from sandbox.settings import SandboxSettings
from sandbox.world import utc_now


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers and its 0.1 s ticks: it starts and stops at once."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()
        self.asked_to_stop = asyncio.Event()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        self.ready.set()
        await self.asked_to_stop.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        for task in self.server_state.tasks:
            task.cancel()
        await asyncio.gather(*self.server_state.tasks, return_exceptions=True)
        await self.lifespan.shutdown()


@asynccontextmanager
async def running(
    settings: SandboxSettings | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    clock: Clock = utc_now,
) -> AsyncIterator[str]:
    """Yields a sandbox's base URL, as in `http://127.0.0.1:40123`; port 0 takes a free one.

    Raises `OSError` if the port is taken.
    """
    async with serving(create_app(settings or SandboxSettings(), clock), host=host, port=port) as url:
        yield url


@asynccontextmanager
async def serving(app: ASGIApp, *, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Any ASGI app, lifespan included, until the block ends: requests still open then are cancelled."""
    listener = socket.create_server((host, port), backlog=2048)
    # asyncio leaves this out for sockets that it did not make; without it each answer takes 40 ms (Nagle)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    server = _Server(uvicorn.Config(app, lifespan="auto", ws="none", access_log=False, log_config=None))
    task = asyncio.create_task(server.serve([listener]))
    try:
        await _ready(server, task)
        yield "http://{}:{}".format(*listener.getsockname()[:2])
    finally:
        server.asked_to_stop.set()
        await asyncio.gather(task, return_exceptions=True)
        listener.close()


async def _ready(server: _Server, task: asyncio.Task[None]) -> None:
    ready = asyncio.create_task(server.ready.wait())
    await asyncio.wait({ready, task}, return_when=asyncio.FIRST_COMPLETED)
    if not ready.done():
        ready.cancel()
        await task

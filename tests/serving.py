"""Applications over real HTTP, inside the running event loop."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.applications import Starlette

from cli.server import HEAD_SECONDS, Server, protocol


class _InLoop(Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(
    app: Starlette, listener: socket.socket | None = None, head_seconds: float = HEAD_SECONDS
) -> AsyncIterator[str]:
    """Yields the base URL; stops gracefully."""
    listener = listener or socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, lifespan="on", ws="none", access_log=False, log_config=None, http=protocol(head_seconds)
    )
    server = _InLoop(config)
    task = asyncio.create_task(server.serve([listener]))
    while not server.started:
        if task.done():
            await task
        await asyncio.sleep(0.005)
    try:
        yield "http://{}:{}".format(*listener.getsockname()[:2])
    finally:
        server.should_exit = True
        await task

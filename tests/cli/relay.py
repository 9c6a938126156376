"""A connection that fails: TCP between a command and the service, whose first answer does not get through."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import cast
from urllib.parse import urlsplit

LOST = b""
"""The request gets through, and its answer does not."""
UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
"""The request does not get through, and this is the answer."""


@asynccontextmanager
async def relay(url: str, first_answer: bytes) -> AsyncIterator[str]:
    """Yields the address that fails once and then leads to `url`."""
    port, handlers = urlsplit(url).port, set[asyncio.Task[None]]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        failing = not handlers
        handlers.add(cast("asyncio.Task[None]", asyncio.current_task()))
        async with closing(writer):
            if failing and first_answer:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(first_answer)
            else:
                await _pass_on(reader, writer, port, failing)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await asyncio.gather(*handlers, return_exceptions=True)


async def _pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int | None, lose_answer: bool
) -> None:
    there, to = await asyncio.open_connection("127.0.0.1", port)
    async with closing(to), asyncio.TaskGroup() as both:
        onward = both.create_task(_pump(reader, to))
        if lose_answer:
            await there.readuntil(b"\r\n\r\n")
        else:
            back = both.create_task(_pump(there, writer))
            await asyncio.wait({onward, back}, return_when=asyncio.FIRST_COMPLETED)
            back.cancel()
        onward.cancel()


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while chunk := await source.read(65536):
        target.write(chunk)
        await target.drain()


@asynccontextmanager
async def closing(writer: asyncio.StreamWriter) -> AsyncIterator[None]:
    try:
        yield
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()

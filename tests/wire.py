"""HTTP spoken by hand, over a plain socket: whatever can be written, written."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

SECONDS = 30


class Wire:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def send(self, data: bytes) -> None:
        with suppress(ConnectionError):  # it may be closed, and have answered
            self._writer.write(data)
            await self._writer.drain()

    async def first(self) -> bytes:
        """The head of the first answer; empty where none comes."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            async with asyncio.timeout(SECONDS):
                return await self._reader.readuntil(b"\r\n\r\n")
        return b""

    async def until_closed(self) -> bytes:
        """All that came until the service closed the connection."""
        received = b""
        with suppress(ConnectionError):
            async with asyncio.timeout(SECONDS):
                while chunk := await self._reader.read(65_536):
                    received += chunk
        return received

    def end(self) -> None:
        """Nothing more will be sent."""
        with suppress(OSError):
            self._writer.write_eof()


@asynccontextmanager
async def wire(url: str) -> AsyncIterator[Wire]:
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        yield Wire(reader, writer)
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def told(url: str, *parts: bytes) -> bytes:
    """What is answered to these bytes, until the service closes the connection."""
    async with wire(url) as line:
        for part in parts:
            await line.send(part)
        return await line.until_closed()


def statuses(received: bytes) -> list[int]:
    """Of each answer in a stream of them."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", received)]

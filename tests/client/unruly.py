"""A small real HTTP server that does what a test tells it to, one act for each request, and notes what it was sent."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import httpx

from tests.town import Town


@dataclass(frozen=True)
class Received:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes


Stream = AsyncIterator[bytes]
Act = Callable[[Received], Awaitable[bytes | Stream]]
"""The bytes to send before the connection is closed; a Stream's as they come, until the client leaves."""


@dataclass
class Unruly:
    """Acts in the order given; the last one stays."""

    acts: list[Act]
    url: str = ""
    requests: list[Received] = field(default_factory=list)
    handlers: set["asyncio.Task[Any] | None"] = field(default_factory=set)
    left: list[Received] = field(default_factory=list)
    """Those whose client went before their stream was over."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.handlers.add(asyncio.current_task())
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            received = await _read(reader)
            act = self.acts[min(len(self.requests), len(self.acts) - 1)]
            self.requests.append(received)
            answer = await act(received)
            if isinstance(answer, bytes):
                writer.write(answer)
            else:
                await self._stream(received, answer, reader, writer)
            await writer.drain()
        writer.close()
        with suppress(ConnectionError, asyncio.CancelledError):
            await writer.wait_closed()

    async def _stream(
        self, received: Received, answer: Stream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        async def send() -> None:
            async for part in answer:
                writer.write(part)
                await writer.drain()

        sending, gone = asyncio.create_task(send()), asyncio.create_task(reader.read())
        try:
            await asyncio.wait({sending, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not sending.done():
                self.left.append(received)
        finally:
            for task in (sending, gone):
                task.cancel()
            await asyncio.gather(sending, gone, return_exceptions=True)

    async def leave(self) -> None:
        """Answers that are still due are not given."""
        handlers = [handler for handler in self.handlers if handler]
        for handler in handlers:
            handler.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)


@asynccontextmanager
async def unruly(*acts: Act) -> AsyncIterator[Unruly]:
    server = Unruly(list(acts))
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    server.url = "http://{}:{}".format(*listening.sockets[0].getsockname())
    try:
        yield server
    finally:
        listening.close()
        await server.leave()
        await listening.wait_closed()  # from Python 3.12 on for its connections, too


def answers(status: int, document: Any = None, **headers: str) -> Act:
    """JSON, or `document` as it is when it is bytes. Header names are spelled with underscores."""
    body = document if isinstance(document, bytes) else b"" if document is None else json.dumps(document).encode()

    async def act(_: Received) -> bytes:
        return _answer(status, {name.replace("_", "-"): value for name, value in headers.items()}, body)

    return act


async def cut(_: Received) -> bytes:
    """No answer: the connection ends."""
    return b""


async def silent(_: Received) -> bytes:
    """An answer that does not come."""
    await asyncio.Event().wait()
    return b""


async def cut_within(_: Received) -> bytes:
    """Half an answer."""
    return b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"id": "01'


END = b"0\r\n\r\n"
"""The last part of a stream that is not cut off."""
HOLD = None
"""Nothing more comes, and the connection stays."""


def streams(*parts: bytes | float | None, media: str = "text/event-stream") -> Act:
    """Parts of a stream, and seconds to wait between them. Without END the connection is cut."""

    async def send() -> Stream:
        yield f"HTTP/1.1 200 OK\r\nContent-Type: {media}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        for part in parts:
            if part is HOLD:
                await asyncio.Event().wait()
            elif isinstance(part, float):
                await asyncio.sleep(part)
            else:
                yield part if part is END else b"%x\r\n%s\r\n" % (len(part), part)

    async def act(_: Received) -> Stream:
        return send()

    return act


def told(number: int, status: str = "PROCESSING", progress: int = 0, job_id: str = "0198") -> bytes:
    """An event about a job, with `number` for its id."""
    document = {"id": job_id, "status": status, "progress": progress}
    return f"id: {number}\nevent: job\ndata: {json.dumps(document)}\n\n".encode()


def passes_on(town: Town) -> Act:
    """To the town, and its answer back."""

    async def act(received: Received) -> bytes:
        return await _forward(town, received)

    return act


def loses_answer(town: Town) -> Act:
    """The town does what it was asked, and nobody hears of it."""

    async def act(received: Received) -> bytes:
        answer = await _forward(town, received)
        assert b" 20" in answer[:12], answer
        return b""

    return act


async def _forward(town: Town, received: Received) -> bytes:
    headers = {name: value for name, value in received.headers.items() if name != "host"}
    url = str(town.api.base_url).rstrip("/") + received.target
    async with httpx.AsyncClient(timeout=70) as onward:
        answer = await onward.request(received.method, url, headers=headers, content=received.body)
    return _answer(answer.status_code, {"Content-Type": "application/json", **_kept(answer.headers)}, answer.content)


def _kept(headers: httpx.Headers) -> dict[str, str]:
    return {name: headers[name] for name in ("etag", "content-type", "x-request-id") if name in headers}


def _answer(status: int, headers: dict[str, str], body: bytes) -> bytes:
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += ["Connection: close"] + ([] if status == 304 else [f"Content-Length: {len(body)}"])
    return "\r\n".join([*lines, "", ""]).encode() + body


async def _read(reader: asyncio.StreamReader) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = head[0].split(" ")
    pairs = (line.partition(":") for line in head[1:] if line)
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(method, target, headers, body)

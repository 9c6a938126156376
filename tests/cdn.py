"""A CDN of our own over real HTTP: it answers what a test puts there, well or badly, and notes who asked for what."""

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from PIL import Image
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.serving import serving

LONG = 10
Answer = Callable[[], Awaitable[Response]]


@dataclass
class Shelves:
    """`url` of the CDN; `answers` by path; `asked` are the headers of each request, by path, in order."""

    url: str = ""
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[tuple[str, Headers]] = field(default_factory=list)

    def put(self, path: str, answer: Answer | bytes, kind: str = "image/png") -> str:
        """The address under which it now lies."""
        self.answers[path] = plain(answer, kind) if isinstance(answer, bytes) else answer
        return self.url + path

    def count(self, path: str) -> int:
        return sum(asked == path for asked, _ in self.asked)

    async def answer(self, request: Request) -> Response:
        self.asked.append((request.url.path, request.headers))
        made = self.answers.get(request.url.path)
        return await made() if made else Response("none", 404)


@asynccontextmanager
async def cdn() -> AsyncIterator[Shelves]:
    shelves = Shelves()
    async with serving(Starlette(routes=[Route("/{path:path}", shelves.answer)])) as url:
        shelves.url = url
        yield shelves


def plain(content: bytes, kind: str = "image/png", status: int = 200, content_encoding: str | None = None) -> Answer:
    headers = {"Content-Encoding": content_encoding} if content_encoding else {}

    async def answer() -> Response:
        return Response(content, status, headers, media_type=kind)

    return answer


def redirect(url: str) -> Answer:
    async def answer() -> Response:
        return RedirectResponse(url, 302, {"Set-Cookie": "trap=1; Path=/"})

    return answer


def dripping(first: bytes, piece: bytes, seconds: float) -> Answer:
    """A body without an end, a piece at a time."""

    async def pieces() -> AsyncIterator[bytes]:
        yield first
        while True:
            await asyncio.sleep(seconds)
            yield piece

    async def answer() -> Response:
        return StreamingResponse(pieces(), media_type="image/png")

    return answer


def gated(gate: asyncio.Event, content: bytes) -> Answer:
    """Answers once the gate is open, or after some seconds: no test that fails hangs."""

    async def answer() -> Response:
        with suppress(TimeoutError):
            await asyncio.wait_for(gate.wait(), LONG)
        return Response(content, media_type="image/png")

    return answer


def picture(
    width: int = 640, height: int = 320, kind: str = "PNG", mode: str = "RGB", alpha: int = 255, **options: object
) -> bytes:
    """With something to see, so that a smaller one is smaller in bytes, too."""
    noise: Image.Image = Image.effect_noise((width, height), 60).convert("RGB")
    out = io.BytesIO()
    noise = noise.convert(mode)
    if mode == "RGBA":
        noise.putalpha(alpha)
    noise.save(out, kind, **options)
    return out.getvalue()


def opened(content: bytes) -> Image.Image:
    with Image.open(io.BytesIO(content)) as image:
        image.load()
        return image

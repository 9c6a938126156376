"""Who takes part in these tests: a client of Apiframe's API, a receiver of webhooks, a clock to turn."""

import asyncio
import base64
import io
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from PIL import Image, ImageDraw
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

KEY = "afk_test_key"
UNKNOWN_ID = "a1b2c3d4-e5f6-7890-abcd-ef1234567890"


def mask(width: int = 64, height: int = 64, ink: int = 255) -> str:
    """A PNG in base64: a square of `ink` in the middle, black around it."""
    image = Image.new("L", (width, height))
    ImageDraw.Draw(image).rectangle((width // 4, height // 4, width * 3 // 4, height * 3 // 4), fill=ink)
    return png_text(image)


def png_text(image: Image.Image) -> str:
    file = io.BytesIO()
    image.save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


class Clock:
    """Stands still until it is turned."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 15, 10, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def turn(self, **by: float) -> None:
        self.now += timedelta(**by)


@dataclass(frozen=True)
class Received:
    """One delivery as it came in."""

    path: str
    headers: httpx.Headers
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    @property
    def event(self) -> str:
        body = self.body
        return f"progress {body['progress']}" if body["event"] == "progress" else str(body["event"])


@dataclass
class Inbox:
    """An ASGI app that keeps every delivery; `answers` are its next statuses, then 204.

    While `open` is cleared it answers nothing; `url` is set by the fixture.
    """

    url: str = ""
    answers: list[int] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        query = f"?{request.url.query}" if request.url.query else ""
        delivery = Received(request.url.path + query, httpx.Headers(request.headers.raw), await request.body())
        async with self.changed:
            self.received.append(delivery)
            self.changed.notify_all()
        await self.open.wait()
        await Response(status_code=self.answers.pop(0) if self.answers else 204)(scope, receive, send)

    async def wait(self, count: int = 1) -> list[Received]:
        async with asyncio.timeout(5), self.changed:
            await self.changed.wait_for(lambda: len(self.received) >= count)
        return self.received

    @property
    def events(self) -> list[str]:
        return [delivery.event for delivery in self.received]


class Caller:
    """Speaks to one sandbox as a client of Apiframe, and looks behind its scenes."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def submit(self, body: Any, path: str = "midjourney/action", **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.post(f"/v2/images/{path}", json=body, headers=named)

    async def generate(self, prompt: str = "a lake", **fields: Any) -> httpx.Response:
        return await self.submit({"prompt": prompt, "model": "midjourney", **fields}, "generate")

    async def inpaint(self, parent: str, **fields: Any) -> httpx.Response:
        body = {"action": "inpaint", "parentJobId": parent, "mask": mask(), **fields}
        return await self.submit({name: value for name, value in body.items() if value is not None})

    async def seed(self, **fields: Any) -> str:
        """A COMPLETED upsample of 64x64 to act on."""
        answer = await self.http.post("/sandbox/jobs", json={"width": 64, "height": 64, **fields})
        assert answer.status_code == 201
        return str(answer.json()["jobId"])

    async def settled(self, accepted: httpx.Response | str) -> Any:
        """The job once it has ended and its deliveries are through."""
        job_id = accepted if isinstance(accepted, str) else accepted.json()["jobId"]
        return (await self.http.get(f"/sandbox/jobs/{job_id}/settled")).json()

    async def job(self, job_id: str) -> httpx.Response:
        return await self.http.get(f"/v2/jobs/{job_id}")

    async def mischief(self, **fields: Any) -> None:
        answer = await self.http.put("/sandbox/mischief", json=fields)
        assert answer.status_code == 200, answer.text

    async def transcript(self) -> list[str]:
        return list((await self.http.get("/sandbox/log")).json()["transcript"])

    async def ledger(self) -> Any:
        return (await self.http.get("/sandbox/ledger")).json()

    async def image(self, url: str) -> Image.Image:
        answer = await self.http.get(url)
        assert answer.status_code == 200
        return Image.open(io.BytesIO(answer.content))

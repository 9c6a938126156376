"""Callers at work through the proxy, and what they were answered."""

import asyncio
import base64
import io
import os
import uuid
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

import httpx
from PIL import Image

KEY = {"X-API-Key": "demo"}
FINAL = ("COMPLETED", "FAILED", "CANCELLED")
CALLERS = 6
SIDE = 256
PAUSE_SECONDS = 0.2


@dataclass
class Seen:
    """`answers` by route and status, or the name of what was raised; `jobs` in their last state."""

    answers: Counter[str] = field(default_factory=Counter)
    jobs: list[dict[str, object]] = field(default_factory=list)

    @property
    def failures(self) -> list[str]:
        return [f"{count} {answer}" for answer, count in self.answers.items() if not answer.endswith(("200", "202"))]


class Load:
    def __init__(self, url: str, parent: str) -> None:
        self._url, self._parent = url, parent
        self._mask = base64.b64encode(mask()).decode()
        self._over = asyncio.Event()
        self.seen = Seen()

    async def run(self, meanwhile: "asyncio.Task[None]") -> None:
        """Until `meanwhile` is over and every job has ended."""
        async with httpx.AsyncClient(base_url=self._url, headers=KEY, timeout=30) as http:
            listener = asyncio.create_task(self._listen(http))
            callers = [asyncio.create_task(self._call(http)) for _ in range(CALLERS)]
            try:
                await meanwhile
            finally:
                self._over.set()
                await asyncio.gather(*callers)
                listener.cancel()
                with suppress(asyncio.CancelledError):
                    await listener

    async def _call(self, http: httpx.AsyncClient) -> None:
        while not self._over.is_set():
            body = {"parentJobId": self._parent, "mask": self._mask}
            answer = await self._ask(
                http, "POST", "/v1/jobs", json=body, headers={"Idempotency-Key": str(uuid.uuid4())}
            )
            if answer is not None and answer.status_code == 202:
                self.seen.jobs.append(await self._follow(http, answer.json()))
            else:
                await asyncio.sleep(PAUSE_SECONDS)

    async def _follow(self, http: httpx.AsyncClient, job: dict[str, object]) -> dict[str, object]:
        end = asyncio.get_running_loop().time() + 60
        while job["status"] not in FINAL and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(PAUSE_SECONDS)
            answer = await self._ask(http, "GET", f"/v1/jobs/{job['id']}", route="/v1/jobs/{id}")
            job = job if answer is None or answer.status_code != 200 else answer.json()
        return job

    async def _listen(self, http: httpx.AsyncClient) -> None:
        """A stream that is ended by a restart is taken up again."""
        while True:
            try:
                async with http.stream("GET", "/v1/stream", timeout=httpx.Timeout(30, read=60)) as answer:
                    self.seen.answers[f"GET /v1/stream {answer.status_code}"] += 1
                    async for _ in answer.aiter_bytes():
                        pass
            except httpx.TransportError as error:
                self.seen.answers[f"GET /v1/stream {type(error).__name__}"] += 1
                await asyncio.sleep(PAUSE_SECONDS)

    async def _ask(
        self, http: httpx.AsyncClient, method: str, path: str, route: str = "", **given: object
    ) -> httpx.Response | None:
        try:
            answer = await http.request(method, path, **given)  # type: ignore[arg-type]  # httpx names each of them
        except httpx.TransportError as error:
            self.seen.answers[f"{method} {route or path} {type(error).__name__}"] += 1
            return None
        self.seen.answers[f"{method} {route or path} {answer.status_code}"] += 1
        return answer


def mask() -> bytes:
    """Of noise, so that it is large enough to be read in the service's helper."""
    picture, file = Image.new("1", (SIDE, SIDE)), io.BytesIO()
    picture.paste(Image.frombytes("1", (SIDE, SIDE // 2), os.urandom(SIDE * SIDE // 16)), (0, 0))
    picture.convert("L").save(file, "PNG")
    return file.getvalue()

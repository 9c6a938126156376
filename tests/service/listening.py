"""Server-sent events over real HTTP, read as a strict client reads them."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from tests.door import key


@dataclass(frozen=True)
class Heard:
    """An event, or a comment (`event` is then `:`)."""

    event: str
    data: Any
    id: str = ""


class Ear:
    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._heard = _read(response)

    async def next(self) -> Heard:
        """The next event or comment; StopAsyncIteration at the end."""
        return await anext(self._heard)

    async def job(self) -> Heard:
        """The next event about a job."""
        while (heard := await self.next()).event != "job":
            pass
        return heard

    async def jobs(self, count: int) -> list[Heard]:
        return [await self.job() for _ in range(count)]

    async def rest(self) -> list[Heard]:
        """Everything until the end, comments left out."""
        return [heard async for heard in self._heard if heard.event != ":"]


@asynccontextmanager
async def listening(
    api: httpx.AsyncClient, path: str, who: str = "editor", last: str | None = None
) -> AsyncIterator[Ear]:
    headers = {**key(who), **({"Last-Event-ID": last} if last else {})}
    async with api.stream("GET", path, headers=headers, timeout=20) as response:
        assert response.status_code == 200, await response.aread()
        yield Ear(response)


async def _read(response: httpx.Response) -> AsyncIterator[Heard]:
    fields: dict[str, str] = {}
    async for line in response.aiter_lines():
        if line.startswith(":"):
            yield Heard(":", line[1:].strip())
        elif line:
            name, _, value = line.partition(": ")
            assert name not in fields, "each event has each field once"
            fields[name] = value
        elif fields:
            yield Heard(fields["event"], json.loads(fields["data"]), fields.get("id", ""))
            fields = {}

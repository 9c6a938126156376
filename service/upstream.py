"""Our two clients of upstream's, each made when it is first asked for: httpx and its TLS are an eighth of what a start
takes, and most processes are never asked to look up a job or to fetch an image."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from anyio import to_thread

from tracker.apiframe.protocol import LookupResult
from tracker.meters import Seen
from tracker.settings import Settings

if TYPE_CHECKING:
    from tracker.apiframe.cdn import Cdn
    from tracker.apiframe.client import ApiframeClient

Made = TypeVar("Made", "ApiframeClient", "Cdn")


class Upstream:
    def __init__(self, settings: Settings, seen: Seen) -> None:
        """`seen` is told of each call of Apiframe's API."""
        self._settings, self._seen = settings, seen
        self._first = asyncio.Lock()
        self._apiframe: ApiframeClient | None = None
        self._cdn: Cdn | None = None
        self._opened = AsyncExitStack()

    async def job(self, upstream_job_id: str) -> LookupResult:
        """As ApiframeClient.job."""
        async with self._first:
            self._apiframe = self._apiframe or await self._made(partial(_apiframe, self._seen))
        return await self._apiframe.job(upstream_job_id)

    async def fetch(self, url: str) -> bytes:
        """As Cdn.fetch."""
        async with self._first:
            self._cdn = self._cdn or await self._made(_cdn)
        return await self._cdn.fetch(url)

    async def aclose(self) -> None:
        await self._opened.aclose()

    async def _made(self, make: Callable[[Settings], Made]) -> Made:
        """In a thread: to import takes a tenth of a second."""
        return await self._opened.enter_async_context(await to_thread.run_sync(partial(make, self._settings)))


def _apiframe(seen: Seen, settings: Settings) -> "ApiframeClient":
    from tracker.apiframe.client import ApiframeClient

    return ApiframeClient(settings, seen)


def _cdn(settings: Settings) -> "Cdn":
    from tracker.apiframe.cdn import Cdn

    return Cdn(settings)

"""Result images in memory: each fetched once however many ask for it, kept for a while, and bounded in every way."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Protocol
from weakref import WeakSet

import structlog
from anyio import CapacityLimiter, to_thread

from service.images.pictures import Picture, judged, thumbnail
from service.metrics import Metrics
from tracker.errors import Busy, TrackerError

MIB = 1024 * 1024
log = structlog.get_logger()

Key = tuple[str, int | None]
"""An address, and a thumbnail's width."""


@dataclass(frozen=True)
class Bounds:
    originals: int = 64 * MIB
    thumbnails: int = 32 * MIB
    """Bytes that are kept of each. Apart, so that the originals of a long list leave its thumbnails here."""
    alive: int = 192 * MIB
    """Bytes of all that is kept or being sent. Above it, nothing more is fetched until some of it was taken."""
    fetched_at_once: int = 4
    decoded_at_once: int = 2


class Shelf:
    """Pictures of at most `size` bytes together; those not asked for longest leave first."""

    def __init__(self, size: int) -> None:
        self._left = size
        self._kept: OrderedDict[Key, Picture] = OrderedDict()

    def get(self, key: Key) -> Picture | None:
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def put(self, key: Key, picture: Picture) -> None:
        if before := self._kept.pop(key, None):
            self._left += len(before.content)
        self._kept[key] = picture
        self._left -= len(picture.content)
        while self._left < 0:
            _, least_used = self._kept.popitem(last=False)
            self._left += len(least_used.content)


class Fetches(Protocol):
    """Cdn, or whoever makes one when it is first asked."""

    async def fetch(self, url: str) -> bytes: ...


class Gallery:
    """`patience` in seconds, for a fetch to have its turn."""

    def __init__(self, cdn: Fetches, metrics: Metrics, patience: float, bounds: Bounds | None = None) -> None:
        self._cdn, self._metrics, self._patience = cdn, metrics, patience
        self._bounds = bounds or Bounds()
        self._originals, self._thumbnails = Shelf(self._bounds.originals), Shelf(self._bounds.thumbnails)
        self._coming: dict[Key, asyncio.Task[Picture]] = {}
        self._turns = asyncio.Semaphore(self._bounds.fetched_at_once)
        self._decoding = CapacityLimiter(self._bounds.decoded_at_once)
        self._held = WeakSet[Picture]()
        metrics.image_bytes.set_function(lambda: self.alive)

    @property
    def alive(self) -> int:
        """Bytes of the pictures that somebody still holds: a shelf, or an answer on its way."""
        return sum(len(picture.content) for picture in self._held)

    async def picture(self, url: str, width: int | None = None) -> Picture:
        """The image at `url`, or one of `width` pixels where the image is wider.

        Raises Gone, UpstreamFault, UpstreamUnavailable, and Busy where too much is being fetched or sent.
        """
        if width and (small := self._thumbnails.get((url, width))):
            self._metrics.images.labels("memory").inc()
            return small
        original = await self._original(url)
        if width is None or width >= original.width:
            return original
        return await self._once((url, width), partial(self._reduced, original, width), self._thumbnails)

    async def aclose(self) -> None:
        tasks = list(self._coming.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _original(self, url: str) -> Picture:
        if kept := self._originals.get((url, None)):
            self._metrics.images.labels("memory").inc()
            return kept
        return await self._once((url, None), partial(self._fetched, url), self._originals)

    async def _once(self, key: Key, make: Callable[[], Awaitable[Picture]], shelf: Shelf) -> Picture:
        if key not in self._coming:
            task = self._coming[key] = asyncio.create_task(self._made(make))
            task.add_done_callback(partial(self._done, key, shelf))
        # a client that goes away must not end the fetch that others wait for
        return await asyncio.shield(self._coming[key])

    def _done(self, key: Key, shelf: Shelf, task: asyncio.Task[Picture]) -> None:
        del self._coming[key]
        if not task.cancelled() and not task.exception():
            shelf.put(key, task.result())

    async def _made(self, make: Callable[[], Awaitable[Picture]]) -> Picture:
        picture = await make()
        self._held.add(picture)
        return picture

    async def _fetched(self, url: str) -> Picture:
        try:
            async with self._turn():
                content = await self._cdn.fetch(url)
                picture = await to_thread.run_sync(judged, content, limiter=self._decoding)
        except TrackerError as error:
            self._metrics.images.labels(error.code).inc()
            log.info("no image from upstream's CDN", reason=str(error))
            raise
        self._metrics.images.labels("upstream").inc()
        return picture

    async def _reduced(self, original: Picture, width: int) -> Picture:
        return await to_thread.run_sync(thumbnail, original, width, limiter=self._decoding)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Raises Busy."""
        try:
            async with asyncio.timeout(self._patience):
                await self._turns.acquire()
        except TimeoutError:
            raise _busy() from None
        try:
            if self.alive > self._bounds.alive:
                raise _busy()
            yield
        finally:
            self._turns.release()


def _busy() -> Busy:
    return Busy("Too many images are being fetched at once; ask for this one again in a moment.", 5)

"""The image files behind the result URLs, painted when they are first fetched and then kept for a while."""

import asyncio
from collections import OrderedDict
from functools import partial

from sandbox import easel
from sandbox.bodies import Upsample, Variation
from sandbox.jobs import Job

Key = tuple[str, str]


class Gallery:
    """PNG files by job and name; `limit` files stay in memory, the least used leave first.

    Painting runs in threads, off the event loop, and each file is painted once however many ask for it.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: OrderedDict[Key, bytes] = OrderedDict()
        self._painting: dict[Key, asyncio.Task[bytes]] = {}

    async def file(self, job: Job, name: str) -> bytes | None:
        """The PNG called `1`..`4` or `grid`; None if the job has no such file."""
        names = [str(n) for n in range(1, job.images + 1)]
        if name not in names and (name != "grid" or job.images == 1):
            return None
        return await self._png(job, name)

    async def stop(self) -> None:
        tasks = list(self._painting.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _png(self, job: Job, name: str) -> bytes:
        key = (job.id, name)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        if key not in self._painting:
            task = self._painting[key] = asyncio.create_task(self._paint(job, name))
            task.add_done_callback(partial(self._painted, key))
        # a client that goes away must not end the painting that others wait for
        return await asyncio.shield(self._painting[key])

    def _painted(self, key: Key, task: asyncio.Task[bytes]) -> None:
        del self._painting[key]
        if task.cancelled() or task.exception():
            return
        self._kept[key] = task.result()
        while len(self._kept) > self._limit:
            self._kept.popitem(last=False)

    async def _paint(self, job: Job, name: str) -> bytes:
        if name == "grid":
            tiles = [await self._png(job, str(n)) for n in range(1, job.images + 1)]
            return await asyncio.to_thread(easel.grid, tiles)
        if job.picture is not None:
            return job.picture
        parent = await self._png(job.parent, _chosen(job)) if job.parent else None
        return await asyncio.to_thread(easel.paint, job, int(name), parent)


def _chosen(job: Job) -> str:
    """Which of the parent's images the action was about."""
    return str(int(job.request.index)) if isinstance(job.request, Upsample | Variation) else "1"

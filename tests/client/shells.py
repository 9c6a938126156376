"""Both shells with one face, so that one test tells of both."""

import asyncio
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import asynccontextmanager
from typing import Any, cast

from inpaint_tracker_client import AsyncTracker, Tracker

from tests.door import KEYS
from tests.town import Town

_END = object()


class OnThreads:
    """A Tracker behind the face of an AsyncTracker: it works in a thread, since the town needs the loop."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._tracker, name)

        async def call(*arguments: Any, **options: Any) -> Any:
            return await asyncio.to_thread(method, *arguments, **options)

        return call

    def list(self, *arguments: Any, **filters: Any) -> AsyncIterator[Any]:
        return _stepwise(self._tracker.list(*arguments, **filters))

    def stream(self, **filters: Any) -> AsyncIterator[Any]:
        return _stepwise(self._tracker.stream(**filters))

    def watch(self, job_id: str) -> AsyncIterator[Any]:
        return _stepwise(self._tracker.watch(job_id))

    def events(self, job_id: str) -> AsyncIterator[Any]:
        return _stepwise(self._tracker.events(job_id))


async def _stepwise(items: Iterator[Any]) -> AsyncIterator[Any]:
    try:
        while (item := await asyncio.to_thread(next, items, _END)) is not _END:
            yield item
    finally:
        if isinstance(items, Generator):
            items.close()


@asynccontextmanager
async def blocking(place: Town | str, key: str = "editor", **options: Any) -> AsyncIterator[AsyncTracker]:
    with Tracker(address(place), KEYS[key][0], **options) as tracker:
        yield cast(AsyncTracker, OnThreads(tracker))


@asynccontextmanager
async def asynchronous(place: Town | str, key: str = "editor", **options: Any) -> AsyncIterator[AsyncTracker]:
    async with AsyncTracker(address(place), KEYS[key][0], **options) as tracker:
        yield tracker


def address(place: Town | str) -> str:
    return place if isinstance(place, str) else str(place.api.base_url)


SHELLS = {"sync": blocking, "async": asynchronous}

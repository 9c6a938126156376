"""Background tasks with one owner: whoever starts a crew also ends it."""

import asyncio
import logging
from collections.abc import Coroutine

log = logging.getLogger("sandbox")


class Crew:
    """Keeps a reference to each task until it ends, and logs the error of one that breaks."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """Cancel all and wait until each has ended."""
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("a background task broke", exc_info=error)

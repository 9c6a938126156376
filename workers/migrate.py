"""Brings what an older version has left in Redis over to the layout of this one, while service and workers run."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from uuid import uuid4

import structlog

from tracker.clock import Clock
from tracker.errors import StoreUnavailable
from tracker.store.keys import VERSION
from tracker.store.layouts import Layouts

ROUND_SECONDS, WAITING_SECONDS = 2.0, 0.5
TELL_SECONDS = 5.0
REST = 2
"""Times as long as a batch took is nothing asked of Redis: webhooks come between."""
log = structlog.get_logger()


class Migration:
    """`run` it for ever; what touches jobs waits in `first` until the layout is ours."""

    def __init__(self, layouts: Layouts, clock: Clock) -> None:
        self._layouts, self._clock = layouts, clock
        self._whose = uuid4().hex
        self._ready = asyncio.Event()
        self._told = ""

    async def first(self, loop: Callable[[], Awaitable[None]]) -> None:
        await self._ready.wait()
        await loop()

    async def run(self) -> None:
        """Several workers may: one of them does it, and another goes on where that one died."""
        while True:
            try:
                await self._look()
            except StoreUnavailable as error:
                self._tell(log.warning, str(error))
            await asyncio.sleep(ROUND_SECONDS if self._ready.is_set() else WAITING_SECONDS)

    def _tell(self, say: Callable[..., None], why: str) -> None:
        """Once, however often it is so."""
        if why != self._told:
            say("cannot work with what is in Redis", error=why)
        self._told = why

    async def _look(self) -> None:
        stamp = await self._layouts.stamp()
        if (stamp.version < VERSION or stamp.since is not None) and await self._layouts.lock(self._whose):
            await self._migrate()
        if obstacle := (await self._layouts.stamp()).obstacle:
            self._tell(log.error, obstacle)  # a person has to see to it; Redis comes back by itself
            return
        self._told = ""
        self._ready.set()

    async def _migrate(self) -> None:
        stamp = await self._layouts.stamp()
        if stamp.version < VERSION:
            await self._layouts.begin(self._clock())
            log.info("migration begins", layout=stamp.version, to=VERSION)
        if not stamp.serving:
            log.info("what is under way is brought over", jobs=await self._layouts.bring_what_runs())
        self._ready.set()
        await self._bring_the_rest()
        await self._layouts.unlock()
        log.info("migration is over", layout=VERSION)

    async def _bring_the_rest(self) -> None:
        began = told = time.monotonic()
        while await self._layouts.bring_next():
            now = time.monotonic()
            if now - told > TELL_SECONDS:
                told, stamp = now, await self._layouts.stamp()
                log.info("migrating", jobs=stamp.moved, of=stamp.total)
                if not await self._layouts.lock(self._whose):
                    return  # another has taken it over, since this one stood still
            await asyncio.sleep((now - began) * REST)
            began = time.monotonic()

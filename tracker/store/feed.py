"""The feed of changes: one blocking reader for a process, however many wait for news of a job.

An entry is written by the same script as the change it tells of, so whoever is woken can read the change: that one, or
a later one, whose own entry follows. Where nobody waits, nothing is read: a busy feed would keep a process busy for
nobody.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import structlog
from redis.asyncio import Redis

from tracker.job import Status
from tracker.store.connection import UNAVAILABLE, yield_to_cancellation
from tracker.store.keys import name

BLOCK_MS = 1_000
"""How long a stop may take when redis-py has swallowed its cancellation while it connected."""
AT_ONCE = 500
"""Entries that are read together, at most."""
RETRY_SECONDS = 0.5
LINGER_SECONDS = 5.0
"""How long it reads on after the last who waited: others come soon, where some have been."""
REPLY_SECONDS = BLOCK_MS / 1000 + 3
"""A connection that is silent for longer is dead."""
log = structlog.get_logger()


START = "0-0"
"""The position before the first entry."""


@dataclass(frozen=True)
class FeedEntry:
    """`position` is the entry's id in the stream: milliseconds and a number."""

    position: str
    job_id: str
    version: int
    status: Status
    owner: str


class Watcher:
    """Woken by each change of one job, and once for good when the feed closes."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()
        self.closed = False

    def wake(self) -> None:
        self._changed.set()

    def close(self) -> None:
        self.closed = True
        self.wake()

    async def changed(self, seconds: float) -> None:
        """Returns at the next change since the last call, or after `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            pass
        if not self.closed:
            self._changed.clear()


class Feed:
    """`redis` must be a client that waits for a reply longer than `BLOCK_MS`: the reader blocks."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._watchers: defaultdict[str, set[Watcher]] = defaultdict(set)
        self._listeners: list[tuple[Callable[[Sequence[FeedEntry]], None], Callable[[], bool]]] = []
        self._wanted = asyncio.Event()
        self._wanted_until = 0.0
        self._goodbyes: list[Callable[[], None]] = []
        self._at_loss: list[Callable[[], None]] = []
        self._last = ""
        self._closed = False
        self._told = True
        self.well = False
        """Whether it hears of every change as it happens: not before its place is found, nor while Redis is away."""
        self.ready = asyncio.Event()

    @contextmanager
    def watch(self, job_id: str) -> Iterator[Watcher]:
        """Register first, read the job then: a change in between is not missed."""
        watcher = Watcher()
        self._watchers[job_id].add(watcher)
        self.attend()
        if self._closed:
            watcher.close()
        try:
            yield watcher
        finally:
            self._watchers[job_id].discard(watcher)
            if not self._watchers[job_id]:
                del self._watchers[job_id]

    def listen(
        self, listener: Callable[[Sequence[FeedEntry]], None], attentive: Callable[[], bool] = lambda: True
    ) -> None:
        """`listener` gets every entry while it is `attentive`, those read at once together, and must be quick."""
        self._listeners.append((listener, attentive))
        self._wanted.set()

    def attend(self) -> None:
        """Somebody is about to listen: once it is `well`, it hears of all that happens, for a while at least."""
        self._wanted_until = asyncio.get_running_loop().time() + LINGER_SECONDS
        if not self._wanted.is_set():
            self._wanted.set()
            self.well = False

    def _is_wanted(self) -> bool:
        lingers = asyncio.get_running_loop().time() < self._wanted_until
        return lingers or bool(self._watchers) or any(attentive() for _, attentive in self._listeners)

    @property
    def is_closed(self) -> bool:
        return self._closed

    def at_close(self, goodbye: Callable[[], None]) -> None:
        """`goodbye` is called once, when the feed closes."""
        self._goodbyes.append(goodbye)

    def at_loss(self, act: Callable[[], None]) -> None:
        """`act` is called where entries may have been missed: trimmed in an interruption, or lost in a fail-over."""
        self._at_loss.append(act)

    @property
    def position(self) -> str:
        """Of the last entry that everybody was told of."""
        return self._last or START

    def close(self) -> None:
        """Ends every wait at once, and those that begin later."""
        if self._closed:
            return
        self._closed = True
        for watchers in self._watchers.values():
            for watcher in watchers:
                watcher.close()
        for goodbye in self._goodbyes:
            goodbye()

    async def run(self) -> None:
        """Reads for ever. Once it knows its place, at first and after each interruption or rest, everyone is woken:
        what they wait for may have happened before."""
        while True:
            try:
                await self._find_place()
                self._wake_all()
                self.ready.set()
                self.well = self._told = True
                while self._is_wanted():
                    yield_to_cancellation()
                    await self._read()
                await self._rest()
            except UNAVAILABLE as error:
                yield_to_cancellation()
                self._interrupted(type(error).__name__)
                await asyncio.sleep(RETRY_SECONDS)

    async def _rest(self) -> None:
        """Until somebody comes. What happens until then is told to nobody, so the place is found anew."""
        self._wanted.clear()
        await self._wanted.wait()
        self._last = ""

    def _interrupted(self, error: str) -> None:
        """Said once, however long it lasts."""
        if self._told:
            log.warning("feed interrupted", error=error)
        self.well = self._told = False

    async def _find_place(self) -> None:
        """The newest entry at first; where it was, after an interruption, unless that is there no more."""
        before = self._last
        if before and (await self._redis.xrange(name("feed"), before, before) or before == START):
            return
        newest: Any = await self._redis.xrevrange(name("feed"), count=1)
        self._last = newest[0][0].decode() if newest else START
        for act in self._at_loss if before else ():
            act()

    async def _read(self) -> None:
        streams: Any = await self._redis.xread({name("feed"): self._last}, count=AT_ONCE, block=BLOCK_MS)
        for _, entries in streams or []:
            self._last = entries[-1][0].decode()
            self._tell(read_entries(entries))

    def _wake_all(self) -> None:
        for watchers in self._watchers.values():
            for watcher in watchers:
                watcher.wake()

    def _tell(self, entries: Sequence[FeedEntry]) -> None:
        for entry in entries:
            for watcher in self._watchers.get(entry.job_id, ()):
                watcher.wake()
        for listener, _ in self._listeners:
            listener(entries)


def read_entries(raw: Sequence[tuple[bytes, dict[bytes, bytes]]]) -> list[FeedEntry]:
    """Without those of a newer version's that cannot be read."""
    return [entry for position, fields in raw if (entry := _entry(position.decode(), fields)) is not None]


def _entry(position: str, fields: dict[bytes, bytes]) -> FeedEntry | None:
    try:
        return FeedEntry(
            position=position,
            job_id=fields[b"id"].decode(),
            version=int(fields[b"version"]),
            status=Status(fields[b"status"].decode()),
            owner=fields[b"owner"].decode(),
        )
    except (KeyError, ValueError):
        return None

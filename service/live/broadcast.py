"""Changes of jobs, told to everybody who listens: read from Redis once and framed once, however many there are.

A listener that does not keep up is dropped with a word, so that it holds up nobody and fills no memory.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from typing import TypeVar

import structlog

from service.live.listener import Frame, Listener
from tracker.errors import Busy, StoreUnavailable
from tracker.job import Job
from tracker.store.changes import Change, Changes, place
from tracker.store.feed import START, Feed, FeedEntry
from tracker.store.pages import Filter

MOST_LISTENERS = 10_000
HEARTBEAT_SECONDS = 15.0
RETRY_SECONDS = 0.5
IN_A_ROW = 100
"""Listeners that are served before others of the process have their turn."""
Key = TypeVar("Key", str, "Wish")
log = structlog.get_logger()


@dataclass(frozen=True)
class Wish:
    """Which jobs a listener is told of: what matches, where its key may see it. None sees everybody's."""

    wanted: Filter
    only_owner: str | None = None

    def holds(self, job: Job) -> bool:
        return self.only_owner in (None, job.owner) and self.wanted.matches(job)


class Broadcast:
    def __init__(self, changes: Changes, feed: Feed) -> None:
        self._changes = changes
        self._feed = feed
        self._by_job: defaultdict[str, set[Listener]] = defaultdict(set)
        self._by_wish: defaultdict[Wish, set[Listener]] = defaultdict(set)
        self._heard: deque[Sequence[FeedEntry]] = deque()
        self._batches = 0
        self._some = asyncio.Event()
        self._told = START
        self._over = False
        self.listeners = 0
        feed.listen(self._hear, lambda: self.listeners > 0)
        feed.at_close(self.end_all)
        feed.at_loss(self._let_all_resume)

    def told(self, listener: Listener) -> str:
        """A position up to which `listener` has been told of everything, unless frames wait for it."""
        return max(listener.position, self._told, key=place)

    @property
    def well(self) -> bool:
        return self._feed.well

    def attend(self) -> None:
        """Somebody is about to listen."""
        self._feed.attend()

    @contextmanager
    def to_job(self, job_id: str) -> Iterator[Listener]:
        """Raises Busy where too many listen already."""
        with self._listening(self._by_job, job_id) as listener:
            yield listener

    @contextmanager
    def to_all(self, wish: Wish) -> Iterator[Listener]:
        """Raises Busy where too many listen already."""
        with self._listening(self._by_wish, wish) as listener:
            yield listener

    @contextmanager
    def _listening(self, group: defaultdict[Key, set[Listener]], key: Key) -> Iterator[Listener]:
        if self.listeners >= MOST_LISTENERS:
            raise Busy("Too many listen already; try again in a moment.")
        listener = Listener(self._feed.position, self._batches)
        if self._over:
            listener.end()
        self.listeners += 1
        group[key].add(listener)
        try:
            yield listener
        finally:
            self.listeners -= 1
            group[key].discard(listener)
            if not group[key]:
                del group[key]

    def end_all(self) -> None:
        """When the service stops; whoever comes later is let go at once, too."""
        self._over = True
        for listener in self._everybody():
            listener.end()

    def _let_all_resume(self) -> None:
        """Redis has gone back to an earlier state: each finds out, by its last id, what that means for it."""
        log.warning("changes may have been missed: all who listen begin again", listeners=self.listeners)
        self._told = START
        for listener in self._everybody():
            listener.end()

    async def beat(self) -> None:
        """For ever: whoever has had nothing for a while is told that the line is well. One timer for all of them."""
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            for listener in self._everybody():
                listener.beat()

    def _everybody(self) -> list[Listener]:
        return [one for group in (*self._by_job.values(), *self._by_wish.values()) for one in group]

    def _hear(self, entries: Sequence[FeedEntry]) -> None:
        self._batches += 1
        self._heard.append(entries)
        self._some.set()

    async def run(self) -> None:
        """Tells for ever; while Redis is away it waits, and nothing is left out."""
        while True:
            await self._some.wait()
            self._some.clear()
            while self._heard:
                await self._tell(self._heard[0], self._batches - len(self._heard) + 1)
                self._heard.popleft()

    async def _tell(self, entries: Sequence[FeedEntry], batch: int) -> None:
        """Whoever has come since the batch was heard begins behind it."""
        told: dict[Listener, None] = {}
        for change in await self._read(entries):
            frame = framed(change)
            for listener in chain.from_iterable(self._listening_to(change.stored.job)):
                if listener.since < batch:
                    listener.put(frame)
                    told[listener] = None
        for number, listener in enumerate(told, 1):
            listener.flush()
            if number % IN_A_ROW == 0:
                await asyncio.sleep(0)
        self._told = entries[-1].position if entries else self._told

    async def _read(self, entries: Sequence[FeedEntry]) -> list[Change]:
        """Only what somebody listens to."""
        wanted = [entry for entry in entries if self._by_wish or entry.job_id in self._by_job]
        while wanted:
            try:
                return await self._changes.of(wanted)
            except StoreUnavailable as error:
                log.warning("changes cannot be told yet", error=str(error))
                await asyncio.sleep(RETRY_SECONDS)
        return []

    def _listening_to(self, job: Job) -> Iterator[Iterable[Listener]]:
        """Each wish is looked at once, however many share it."""
        yield self._by_job.get(job.id, ())
        for wish, listeners in self._by_wish.items():
            if wish.holds(job):
                yield listeners


def framed(change: Change) -> Frame:
    stored, position = change.stored, change.entry.position
    return frame(position, stored.version, stored.job)


def frame(position: str, version: int, job: Job) -> Frame:
    """The event's id holds where the feed stood, and the job's version: either kind of stream resumes by its own."""
    data = job.model_dump_json(by_alias=True).encode()
    content = b"id: %s/%d\nevent: job\ndata: %s\n\n" % (position.encode(), version, data)
    return Frame(place(position), version, job.status.is_final, content)

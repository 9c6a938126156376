"""Somebody who listens: what was told waits here until it is sent."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from tracker.store.changes import Place

MOST_WAITING = 4_000
"""Frames that a listener may be behind."""
AT_ONCE = 50
"""Frames that are sent together: about as much as a connection holds before it makes its sender wait."""


@dataclass(frozen=True)
class Frame:
    """A change as it is sent; `content` is shared by all who get it."""

    place: Place
    version: int
    is_final: bool
    content: bytes


class Listener:
    """Told of everything behind `position`, where the feed stood after the batch `since`. One task reads its frames.

    `ended` says that there will be no more, `too_slow` why.
    """

    def __init__(self, position: str, since: int) -> None:
        self.position = position
        self.since = since
        self.ended = False
        self.too_slow = False
        self._frames: deque[Frame] = deque()
        self._beaten = False
        self._waiting: asyncio.Future[None] | None = None

    def put(self, frame: Frame) -> None:
        if self.ended:
            return
        if len(self._frames) < MOST_WAITING:
            self._frames.append(frame)
            self._wake()
        else:
            self.too_slow = True
            self.end()

    def beat(self) -> None:
        """A sign of life is due, if there is nothing else to send."""
        self._beaten = True
        self._wake()

    def end(self) -> None:
        """At once: what waits is not sent any more, and is told again to whoever resumes."""
        self.ended = True
        self._frames.clear()
        self._wake()

    def _wake(self) -> None:
        """A bare future: an event and a time-out for each wait would cost more than all the rest of a delivery."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def frames(self) -> Sequence[Frame] | None:
        """Some of those that wait, as soon as there are any; none where a sign of life is due, and None at the end."""
        while not (self._frames or self._beaten or self.ended):
            self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting
        self._beaten = False
        if self.ended:
            return None
        return [self._frames.popleft() for _ in range(min(AT_ONCE, len(self._frames)))]

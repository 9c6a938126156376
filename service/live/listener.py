"""Somebody who listens: what was told is sent at once where that can be, or else waits here."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from service.live.line import Line
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


Spell = Callable[[Sequence[Frame]], bytes]
"""What a listener is sent for some frames."""


class Listener:
    """Told of everything behind `position`, where the feed stood after the batch `since`. One task reads its frames.

    While that task waits for them, and the client has taken what came before, they go out past it: to wake a task for
    each would cost as much as to send.

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
        self._past: tuple[Line, Spell] | None = None

    def send_past(self, line: Line, spell: Spell) -> None:
        """From now on frames may leave by `line` without the task that waits for them."""
        self._past = line, spell

    def put(self, frame: Frame) -> None:
        """To be followed by `flush`."""
        if self.ended:
            return
        if len(self._frames) < MOST_WAITING:
            self._frames.append(frame)
        else:
            self.too_slow = True
            self.end()

    def flush(self) -> None:
        """Sends what was put as far as nobody has to wait for it, and wakes the task for the rest."""
        while self._past and self._frames and self._task_waits():
            line, spell = self._past
            if not line.begin(spell(self._some())):
                self._wake()
        if self._frames:
            self._wake()

    def beat(self) -> None:
        """A sign of life is due, if there is nothing else to send."""
        self._beaten = True
        self._wake()

    def end(self) -> None:
        """At once: what waits is not sent any more, and is told again to whoever resumes."""
        self.ended = True
        self._frames.clear()
        self._wake()

    def _task_waits(self) -> bool:
        return self._waiting is not None and not self._waiting.done()

    def _wake(self) -> None:
        """A bare future: an event and a time-out for each wait would cost more than all the rest of a delivery."""
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def frames(self) -> Sequence[Frame] | None:
        """Some of those that wait, as soon as there are any; none where a sign of life is due, and None at the end."""
        while not (self._frames or self._beaten or self.ended):
            self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting
            if self._past:
                await self._past[0].finish()
        self._beaten = False
        if self.ended:
            return None
        return self._some()

    def _some(self) -> Sequence[Frame]:
        if len(self._frames) == 1:
            return (self._frames.popleft(),)
        return [self._frames.popleft() for _ in range(min(AT_ONCE, len(self._frames)))]

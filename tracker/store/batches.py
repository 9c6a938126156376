"""Group commit: what waits while one batch is under way goes out as the next, in one call of the script.

Nobody waits for company: where nothing is under way, news goes out at once. Each waits for its own answer, and one that
fails does not fail the others. Only where Redis does not answer is everybody who waits told so.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from tracker.errors import StoreUnavailable

ENOUGH = 24
"""Pieces of news that do not wait for the batch before, so that neither Redis nor we have to wait."""
AT_ONCE = 64
"""Pieces of news in a batch at most, where so many wait: Redis serves others in between."""
SIDE_BY_SIDE = 2
"""Batches under way."""
MOST_WAITING = 5_000
"""More than that are refused: Redis is too slow for what comes."""

AWAY = (RedisConnectionError, RedisTimeoutError, OSError)
"""What a call ends with where Redis does not answer at all, after it was tried again."""

Told = Callable[[Any], None]
Answers = Sequence[Any] | BaseException
Call = Callable[[Sequence[Any], Callable[[Answers], None]], None]
log = structlog.get_logger()


_Waiting = tuple[Any, Told]


class Batches:
    def __init__(self, call: Call, seen: Callable[[float], None] = lambda _: None) -> None:
        """`call` takes several pieces of news, and calls back with an answer to each, an exception where one failed; or
        with one exception for all. `seen` is told how many seconds that took."""
        self._call, self._seen = call, seen
        self._waiting: deque[_Waiting] = deque()
        self._under_way = 0
        self._due = False
        self._rested = asyncio.Event()

    async def tell(self, piece: Any) -> Any:
        """The answer to one. Raises as `put` does, and what the call for its batch raises."""
        answer = asyncio.get_running_loop().create_future()
        self.put(piece, lambda told: _settle(answer, told))
        return await answer

    def put(self, piece: Any, told: Told) -> None:
        """`told` gets the answer, or the exception that there is in its place. It must be quick; what it raises is
        told in the log.

        Raises StoreUnavailable where too many wait.
        """
        if len(self._waiting) >= MOST_WAITING:
            raise StoreUnavailable("Redis is slower than what comes; try again in a moment.")
        self._waiting.append((piece, told))
        if len(self._waiting) >= ENOUGH and self._under_way < SIDE_BY_SIDE:
            self._send()
        elif not self._under_way and not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self._begin)  # whoever comes in this very moment goes with it

    async def rest(self) -> None:
        """Returns once nobody waits and nothing is under way."""
        while self._waiting or self._under_way:
            self._rested.clear()
            await self._rested.wait()

    def _begin(self) -> None:
        self._due = False
        if not self._under_way:
            self._send()

    def _send(self) -> None:
        if self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
            self._under_way += 1
            sent = time.perf_counter()
            self._call([piece for piece, _ in batch], lambda answers: self._answered(batch, sent, answers))

    def _answered(self, batch: list[_Waiting], sent: float, answers: Answers) -> None:
        """The next goes out first: Redis has work while these are told."""
        self._under_way -= 1
        self._seen(time.perf_counter() - sent)
        if isinstance(answers, AWAY):
            batch += self._waiting  # each would wait for the same in its turn: minutes, where many wait
            self._waiting.clear()
        if not self._under_way or len(self._waiting) >= ENOUGH:
            self._send()
        _tell(batch, answers)
        if not self._under_way:
            self._rested.set()


def _tell(batch: Sequence[_Waiting], answers: Answers) -> None:
    """A fault of one is no reason for the others to wait."""
    each = [answers] * len(batch) if isinstance(answers, BaseException) else answers
    for (_, told), answer in zip(batch, each, strict=True):
        try:
            told(answer)
        except Exception:
            log.exception("an answer could not be taken")


def _settle(waiting: "asyncio.Future[Any]", answer: Any) -> None:
    """Whoever waits no more, since the request was given up, is told nothing."""
    if waiting.done():
        return
    if isinstance(answer, BaseException):
        waiting.set_exception(answer)
    else:
        waiting.set_result(answer)

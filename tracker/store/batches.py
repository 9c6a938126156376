"""Group commit: what waits while one batch is under way goes out as the next, in one call of the script.

Nobody waits for company: where nothing is under way, news goes out at once. Each waits for its own answer, and one that
fails does not fail the others. Only where Redis does not answer is everybody who waits told so.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

import structlog
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from tracker.errors import StoreUnavailable

AT_ONCE = 64
"""Pieces of news in a batch: Redis serves others in between."""
MOST_WAITING = 5_000
"""More than that are refused: Redis is too slow for what comes."""

AWAY = (RedisConnectionError, RedisTimeoutError, OSError)
"""What a call ends with where Redis does not answer at all, after it was tried again."""

log = structlog.get_logger()

Call = Callable[..., Awaitable[Sequence[Any]]]
Told = Callable[[Any], None]


class _Waiting(NamedTuple):
    piece: Any
    told: Told


class Batches:
    def __init__(self, call: Call) -> None:
        """`call` takes several pieces of news, and gives an answer to each: an exception where one failed."""
        self._call = call
        self._waiting: deque[_Waiting] = deque()
        self._sending: asyncio.Task[None] | None = None

    async def tell(self, piece: Any) -> Any:
        """The answer to one. Raises as `put` does, and what the call for its batch raises."""
        answer = asyncio.get_running_loop().create_future()
        self.put(piece, lambda told: _settle(answer, told))
        return await answer

    def put(self, piece: Any, told: Told) -> None:
        """`told` gets the answer, or the exception that there is in its place. It must be quick; what it
        raises is told in the log.

        Raises StoreUnavailable where too many wait.
        """
        if len(self._waiting) >= MOST_WAITING:
            raise StoreUnavailable("Redis is slower than what comes; try again in a moment.")
        self._waiting.append(_Waiting(piece, told))
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send())

    async def _send(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
            [answers] = await asyncio.gather(self._call(*(one.piece for one in batch)), return_exceptions=True)
            if isinstance(answers, AWAY):
                batch += self._waiting  # each would wait for the same in its turn: minutes, where many wait
                self._waiting.clear()
            if isinstance(answers, BaseException):
                answers = [answers] * len(batch)
            for one, answer in zip(batch, answers, strict=True):
                _tell(one, answer)


def _tell(one: _Waiting, answer: Any) -> None:
    """A fault of one is no reason for the others to wait."""
    try:
        one.told(answer)
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

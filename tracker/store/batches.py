"""Group commit: what waits while one batch is under way goes out as the next, in one call of the script.

Nobody waits for company: where nothing is under way, news goes out at once. Each waits for its own answer, and one that
fails does not fail the others. Only where Redis does not answer is everybody who waits told so.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from tracker.errors import StoreUnavailable

AT_ONCE = 64
"""Pieces of news in a batch: Redis serves others in between."""
MOST_WAITING = 5_000
"""More than that are refused: Redis is too slow for what comes."""

AWAY = (RedisConnectionError, RedisTimeoutError, OSError)
"""What a call ends with where Redis does not answer at all, after it was tried again."""

Call = Callable[..., Awaitable[Any]]


@dataclass(frozen=True)
class _Waiting:
    piece: Any
    answer: "asyncio.Future[Any]"


class Batches:
    def __init__(self, call: Call) -> None:
        """`call` takes several pieces of news, and gives an answer to each: an exception where one failed."""
        self._call = call
        self._waiting: deque[_Waiting] = deque()
        self._sending: asyncio.Task[None] | None = None

    async def tell(self, piece: Any) -> Any:
        """The answer to one. Raises StoreUnavailable where too many wait, and what the call for its batch raises."""
        if len(self._waiting) >= MOST_WAITING:
            raise StoreUnavailable("Redis is slower than what comes; try again in a moment.")
        waiting = _Waiting(piece, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send())
        return await waiting.answer

    async def _send(self) -> None:
        while self._waiting:
            batch = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
            told = self._call(*(one.piece for one in batch))
            [answers] = await asyncio.gather(told, return_exceptions=True)
            if isinstance(answers, AWAY):
                batch += self._waiting  # each would wait for the same in its turn: minutes, where many wait
                self._waiting.clear()
            if isinstance(answers, BaseException):
                answers = [answers] * len(batch)
            for one, answer in zip(batch, answers, strict=True):
                _settle(one, answer)


def _settle(one: _Waiting, answer: Any) -> None:
    """Whoever waits no more, since the request was given up, is told nothing."""
    if one.answer.done():
        return
    if isinstance(answer, BaseException):
        one.answer.set_exception(answer)
    else:
        one.answer.set_result(answer)

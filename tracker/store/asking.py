"""How a batch is asked: by our own line where it is there, by redis-py else."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from tracker.store.batches import Answers
from tracker.store.line import Line

Pieces = Sequence[Any]


@dataclass(frozen=True)
class Asking:
    """`command` makes the call for several pieces, `otherwise` asks redis-py the same, `read` has the answers of the
    reply to either. Safe to repeat, all of it: a call whose line was lost is made again."""

    line: Line
    command: Callable[[Pieces], tuple[bytes, ...]]
    otherwise: Callable[[Pieces], Awaitable[Any]]
    read: Callable[[Any], Answers]
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def __call__(self, pieces: Pieces, done: Callable[[Answers], None]) -> None:
        """One piece alone is not worth a line, where there is none yet."""
        worth = len(pieces) > 1 or self.line.is_there
        if not (worth and self.line.call(self.command(pieces), lambda reply: self._told(pieces, done, reply))):
            self.by_redis_py(pieces, done)

    def _told(self, pieces: Pieces, done: Callable[[Answers], None], reply: Any) -> None:
        """What redis-py makes of an error, and of a lost connection, is for redis-py to say."""
        if isinstance(reply, RedisConnectionError | ResponseError):
            self.by_redis_py(pieces, done)
        else:
            done(self._answers(reply))

    def by_redis_py(self, pieces: Pieces, done: Callable[[Answers], None]) -> None:
        """Past the line: also for what asks for more than one command."""
        task = asyncio.create_task(self._asked(pieces, done))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _asked(self, pieces: Pieces, done: Callable[[Answers], None]) -> None:
        replies = await asyncio.gather(self.otherwise(pieces), return_exceptions=True)
        done(self._answers(replies[0]))

    def _answers(self, reply: Any) -> Answers:
        """Whoever waits is told in any case, also of a reply that nobody understands."""
        if isinstance(reply, BaseException):
            return reply
        try:
            return self.read(reply)
        except (LookupError, TypeError, ValueError) as error:
            return error

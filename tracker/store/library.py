"""A script as a function of Redis: its text runs when it is loaded, not at each call.

Redis keeps libraries with its data and gives them to its replicas. A library has a digest of its text in its name, so
that versions which run beside each other each have their own.

Nothing rests on it but speed: where Redis is full, misses its replicas or cannot write to its disk, it takes no
function, and refuses to call one that may write. A script comes as far as its first such command, and some get through.
"""

from contextlib import suppress
from functools import cached_property
from hashlib import sha1
from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import ResponseError

PREFIX = "inpaint_"


class Library:
    """Of one function."""

    def __init__(self, function: str, text: str) -> None:
        """`text` is Lua that returns a function, in the sight of which KEYS and ARGV are those of the call."""
        self._function, self._text = function, text
        self._tidied = False
        self.is_there = False
        """In Redis, when somebody last looked."""

    @cached_property
    def name(self) -> str:
        """The library's, and its function's."""
        return f"{PREFIX}{self._function}_{sha1(self._text.encode(), usedforsecurity=False).hexdigest()[:12]}"

    @property
    def source(self) -> str:
        return f"#!lua name={self.name}\nlocal KEYS, ARGV\nlocal run = (function()\n{self._text}\nend)()\n" + (
            f"redis.register_function('{self.name}', function(keys, args)\n"
            "  KEYS, ARGV = keys, args\n  return run()\nend)\n"
        )

    async def ensure(self, redis: Redis) -> None:
        """Loads it where Redis has not got it, and will have it. At the first time, those of other versions are
        removed: whoever still runs one loads it again when he is next asked whether he is ready."""
        try:
            if not await _libraries(redis, self.name):
                await cast(Any, redis.function_load(self.source, replace=True))
            self.is_there = True
            if not self._tidied:
                await self._tidy(redis)
        except ResponseError:
            self.is_there = False

    async def _tidy(self, redis: Redis) -> None:
        for other in await _libraries(redis, f"{PREFIX}{self._function}_*") - {self.name}:
            with suppress(ResponseError):  # somebody else has removed it, or Redis writes nothing just now
                await cast(Any, redis.function_delete(other))
        self._tidied = True


async def _libraries(redis: Redis, pattern: str) -> set[str]:
    """Their names."""
    found: list[Any] = await cast(Any, redis.function_list(pattern))
    told = (one if isinstance(one, dict) else dict(zip(one[::2], one[1::2], strict=True)) for one in found)
    return {one[b"library_name"].decode() for one in told}

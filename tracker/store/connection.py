"""Connections to Redis, so that one that is away is noticed within seconds and found again by itself."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisError,
)
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError

from tracker.errors import StoreUnavailable
from tracker.store.pool import pool_for

P = ParamSpec("P")
R = TypeVar("R")

UNAVAILABLE = (RedisError, OSError)
"""What a caller of the store sees when Redis cannot serve it."""

OTHER_LAYOUT = "LAYOUT "
"""Before a sentence: what a script answers where Redis has a layout that it does not know."""

# Every script may be repeated: a creation by its id, a delivery by its fingerprint, a claim by its lease.
_RETRIED = [RedisConnectionError, RedisTimeoutError, OSError]

CONNECT_SECONDS = 1.0
"""For a connection to be there, save for whoever tries again and again and has the patience."""

REASONS: dict[type[RedisError], str] = {
    AuthenticationError: "it wants another password than it is given",
    BusyLoadingError: "it loads its data",
    NoPermissionError: "its user may not do that",
    OutOfMemoryError: "it is full",
    ReadOnlyError: "it is a replica",
}
SAID = {"MISCONF ": "it cannot write to its disk", "OOM ": "it is full"}
"""By what Redis begins with, for what redis-py has no class, or a script passes on."""


def yield_to_cancellation() -> None:
    """To be called after redis-py, which takes a cancellation while it connects for a time-out, and tries again."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def connect(url: str, *, reply_within: float | None = 1.0, retries: int = 1) -> Redis:
    """A client that gives up on a reply after `reply_within` seconds; None waits for ever (blocking reads).

    `retries`: how often it tries again by itself. Whoever must notice that Redis was away, however briefly, has none.
    Without redis-py's health checks: it makes one in the midst of its greeting, and, where Redis wants a password or
    loads its data, connects anew from within that, deeper and deeper.
    """
    over_tcp = {} if url.startswith("unix:") else {"socket_keepalive": True}
    pool = pool_for(
        url,
        within=None if retries > 1 else CONNECT_SECONDS,
        **over_tcp,
        socket_timeout=reply_within,
        socket_connect_timeout=0.8,
        retry=Retry(ExponentialBackoff(cap=0.2, base=0.02), retries),
        retry_on_error=_RETRIED,
        client_name="inpaint-tracker",
    )
    client: Redis = Redis.from_pool(pool)
    return client


def served(method: Callable[P, Awaitable[R]]) -> Callable[P, Awaitable[R]]:
    """Turns what redis-py and the network raise into the one error that callers handle."""

    @wraps(method)
    async def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            answer = await method(*args, **kwargs)
            yield_to_cancellation()
            return answer
        except UNAVAILABLE as error:
            yield_to_cancellation()
            raise unavailable(error) from error

    return call


class TooFewCopies(RedisError):
    """It is written, and fewer replicas than are wanted have said so in time."""


def unavailable(error: BaseException) -> StoreUnavailable:
    if isinstance(error, TooFewCopies):
        return StoreUnavailable(str(error))
    if str(error).startswith(OTHER_LAYOUT):
        return StoreUnavailable(str(error).removeprefix(OTHER_LAYOUT))
    return StoreUnavailable(f"Redis cannot serve this now ({why(error)}); try again.")


def why(error: BaseException) -> str:
    """In a few words; the error's name where there are none."""
    known = [reason for kind, reason in REASONS.items() if isinstance(error, kind)]
    known += [reason for beginning, reason in SAID.items() if str(error).startswith(beginning)]
    if known:
        return known[0]
    return why(error.__cause__) if error.__cause__ else type(error).__name__

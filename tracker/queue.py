"""The thin door to arq: queue and task names, JSON on both sides, and the hint that a job waits.

arq is in maintenance mode upstream (python-arq/arq#510), so nothing rests on it: the index of pending jobs in the
store is the queue, a message only says "look now", and a lost one costs a second.
"""

import asyncio
import json
from contextlib import AsyncExitStack
from functools import cached_property
from typing import TYPE_CHECKING, Any

import structlog
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from tracker.store.connection import connect, served
from tracker.store.pool import pool_for

if TYPE_CHECKING:
    from arq.connections import ArqRedis
    from redis.asyncio import Redis

QUEUE_NAME = "inpaint:arq"
SUBMIT = "submit"
INPAINT = "inpaint"
"""The task by which a backend that shares our Redis submits without HTTP; see docs/queue.md."""

SIGN_OF_LIFE = f"{QUEUE_NAME}:health-check"
"""arq's workers write it every ten seconds, and it lives one second longer."""

HINT_SECONDS = 0.5
"""A caller's answer waits no longer for a hint."""

log = structlog.get_logger()


def serialize(message: dict[str, Any]) -> bytes:
    """JSON, since arq's default is pickle: whoever can write to Redis could run code in the worker.

    arq keeps a message's arguments beside its result; ours leaves them out, since a mask would be among them.
    """
    if "r" in message:
        message = {**message, "a": [], "k": {}}
    return json.dumps(message, separators=(",", ":"), default=str).encode()


def deserialize(message: bytes) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(message)
    return document


def connect_queue(url: str, *, retries: int = 12, reply_within: float | None = None) -> "ArqRedis":
    """Built on redis-py's own reading of the URL, since arq's drops most options and does not decode passwords.

    `retries` with `OSError` among the errors is what lets arq's worker survive a restart of Redis.
    """
    from arq.connections import ArqRedis  # with its worker: not before somebody has a message for it

    pool = pool_for(
        url,
        retry=Retry(ExponentialBackoff(cap=2, base=0.1), retries),
        retry_on_error=[RedisConnectionError, RedisTimeoutError, OSError],
        socket_connect_timeout=2,
        socket_timeout=reply_within,
    )
    return ArqRedis(pool, job_serializer=serialize, job_deserializer=deserialize, default_queue_name=QUEUE_NAME)


class Queue:
    """The callers' side of the door."""

    def __init__(self, url: str) -> None:
        self._url = url

    @cached_property
    def _arq(self) -> "ArqRedis":
        return connect_queue(self._url, retries=1, reply_within=HINT_SECONDS)

    @cached_property
    def _redis(self) -> "Redis":
        """For what needs no arq, which takes its time and memory to import."""
        return connect(self._url, reply_within=HINT_SECONDS)

    async def hint(self, job_id: str) -> None:
        """Tells the workers that a job waits. Never raises: the sweep finds what no message announced."""
        try:
            async with asyncio.timeout(HINT_SECONDS):
                await self._arq.enqueue_job(SUBMIT, _job_id=f"{SUBMIT}:{job_id}", _expires=60)
        except (RedisError, OSError) as error:
            log.warning("hint not sent", job_id=job_id, error=type(error).__name__)

    @served
    async def has_worker(self) -> bool:
        """Whether any has given a sign of life in the last ten seconds. Raises StoreUnavailable."""
        return bool(await self._redis.exists(SIGN_OF_LIFE))

    async def aclose(self) -> None:
        """Both, whatever becomes of one."""
        async with AsyncExitStack() as closing:
            if "_arq" in vars(self):
                closing.push_async_callback(self._arq.aclose, close_connection_pool=True)
            if "_redis" in vars(self):
                closing.push_async_callback(self._redis.aclose)

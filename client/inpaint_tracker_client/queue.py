"""The queue as a door: a backend that shares the service's Redis submits without HTTP. Needs the extra `[arq]`.

>>> from inpaint_tracker_client.queue import Queue
>>> async def main():
...     async with Queue("redis://127.0.0.1:6379/0", owner="editor") as queue:
...         queued = await queue.submit(parent_id, "mask.png", idempotency_key="order-8821")
...         return await queued.result()

The answer is the job's id, at once; the job itself is seen over HTTP, by the same `Tracker` as any other. What became
of the message is in its result, once a worker has looked at it: `PENDING` for a job that was taken; `FAILED` for one
that could not be, and is there as `rejected`; `REFUSED` where there is no job, since nobody knows its owner.
"""

import base64
import hashlib
import json
import os
import re
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Self

from inpaint_tracker_client.calls import checked_key
from inpaint_tracker_client.errors import Conflict, Problem, Unavailable, UnexpectedAnswer
from inpaint_tracker_client.masks import MaskSource, read_mask
from inpaint_tracker_client.models import Wire

try:
    from arq.connections import ArqRedis
    from arq.jobs import DeserializationError, ResultNotFound, SerializationError
    from arq.jobs import Job as Message
    from redis.exceptions import RedisError

    from inpaint_tracker_client.watched import pool_for
except ModuleNotFoundError as missing:
    raise ModuleNotFoundError(
        f"inpaint_tracker_client.queue needs the extra [arq] ({missing.name} is not installed): "
        "from a checkout of inpaint-tracker, pip install './client[arq]'",
        name=missing.name,
    ) from None

QUEUE_NAME = "inpaint:arq"
TASK = "inpaint"
KEY_LIFETIME = 24 * 3600
CONNECT_SECONDS = 5
OWNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


def serialize(message: dict[str, Any]) -> bytes:
    """JSON, on both sides: arq's own default would let whoever writes to Redis run code in the worker."""
    return json.dumps(message, separators=(",", ":")).encode()


def deserialize(message: bytes) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(message)
    return document


class Outcome(Wire):
    """A message's result. `status` is PENDING, FAILED (the job is there, as `rejected`) or REFUSED (there is none)."""

    id: str
    status: str
    message: str = ""


class Queued(str):
    """The job's id, as text; with `result`, what became of the message that asks for it."""

    _message: Message

    @classmethod
    def under(cls, job_id: str, message: Message) -> Self:
        queued = cls(job_id)
        queued._message = message
        return queued

    @property
    def id(self) -> str:
        return str(self)

    async def result(self, timeout: float = 10.0) -> Outcome:  # noqa: ASYNC109  arq is told
        """Waits for a worker to have looked at it. Its `id` is the job's, for a repetition the first one's.

        Raises TimeoutError when no worker has in `timeout` seconds, the message then still waits; Unavailable when
        Redis cannot be asked, or no longer has the result: it is kept for ten minutes.
        """
        with _redis():
            try:
                return Outcome.model_validate(await self._message.result(timeout=timeout, poll_delay=0.05))
            except ResultNotFound:
                raise Unavailable(f"the result of {self} is no longer kept; look at the job over HTTP") from None
            except (ValueError, SerializationError, DeserializationError):
                raise UnexpectedAnswer(f"the result of {self} is not a worker's of inpaint-tracker") from None


class Queue:
    """`redis_url` as the service's REDIS_URL has it, Sentinels included. `owner` is the name of a key in the service's
    API_KEYS: whose the jobs are. Raises ValueError for an address that cannot be read, and for what is no such name.

    Whether the service knows the name, only its worker can tell: see `Queued.result`.
    """

    def __init__(self, redis_url: str, owner: str) -> None:
        if not OWNER.fullmatch(owner):
            raise ValueError("owner: expected the name of a key in the service's API_KEYS")
        self._owner = owner
        self._redis = ArqRedis(
            pool_for(redis_url, CONNECT_SECONDS),
            job_serializer=serialize,
            job_deserializer=deserialize,
            default_queue_name=QUEUE_NAME,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._redis.aclose(close_connection_pool=True)

    async def submit(
        self,
        parent_job_id: str,
        mask: MaskSource,
        prompt: str | None = None,
        labels: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
        *,
        traceparent: str | None = None,
        request_id: str | None = None,
    ) -> Queued:
        """The job's id. With a key, the same request within 24 h gives the same id; another one raises Conflict.

        `traceparent` (W3C Trace Context) makes the job part of your trace, and `request_id` stands in each line that
        the service and its workers log about it; one that is not valid is ignored there.
        """
        fields = {"parentJobId": parent_job_id, "prompt": prompt, "labels": labels, "idempotencyKey": idempotency_key}
        submission = {name: value for name, value in fields.items() if value is not None}
        submission |= {"owner": self._owner, "mask": base64.b64encode(read_mask(mask)).decode()}
        given = {"traceparent": traceparent, "requestId": request_id}
        beside = {name: value for name, value in given.items() if value is not None}  # of no request twice the same
        with _redis():
            job_id = await self._id_for(idempotency_key, submission)
            # arq takes a message with the same id once; a repetition after a crash between id and message completes it
            message = await self._redis.enqueue_job(TASK, {**submission, **beside}, _job_id=job_id)
        known = Message(job_id, self._redis, _queue_name=QUEUE_NAME, _deserializer=deserialize)
        return Queued.under(job_id, message or known)

    async def _id_for(self, key: str | None, submission: Mapping[str, Any]) -> str:
        """A new id, or the one that the same key was given before: decided by Redis, so two at once agree."""
        job_id = _uuid7()
        if key is None:
            return job_id
        name = "inpaint:door:" + _digest([self._owner, checked_key(key)])
        body = _digest(submission)
        earlier: bytes | None = await self._redis.set(name, f"{job_id} {body}", nx=True, get=True, ex=KEY_LIFETIME)
        if earlier is None:
            return job_id
        first, _, held = earlier.decode().partition(" ")
        if held != body:
            detail = f"This idempotency key was used within 24 h with another request, for job {first}."
            raise Conflict(Problem(status=409, title="Conflict", detail=detail))
        return first


@contextmanager
def _redis() -> Iterator[None]:
    """Its own error could show the message, and its address may hold a password."""
    try:
        yield
    except TimeoutError:
        raise
    except (RedisError, OSError) as error:
        raise Unavailable(f"the queue's Redis cannot be used: {type(error).__name__}") from None


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _uuid7() -> str:
    """RFC 9562, section 5.7: the service orders its jobs by the time in their ids."""
    tail = int.from_bytes(os.urandom(10), "big") & ((1 << 74) - 1)
    high, low = tail >> 62, tail & ((1 << 62) - 1)
    return str(uuid.UUID(int=(time.time_ns() // 1_000_000 << 80) | (7 << 76) | (high << 64) | (2 << 62) | low))

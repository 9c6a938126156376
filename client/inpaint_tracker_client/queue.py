"""The queue as a door: a backend that shares the service's Redis submits without HTTP. Needs the extra `[arq]`.

>>> from inpaint_tracker_client.queue import Queue
>>> async def main():
...     async with Queue("redis://127.0.0.1:6379/0", owner="editor") as queue:
...         return await queue.submit(parent_id, "mask.png", idempotency_key="order-8821")

The answer is the job's id, at once; the job itself is seen over HTTP, by the same `Tracker` as any other. What the
service cannot take becomes a job that has failed as `rejected`.
"""

import base64
import hashlib
import json
import os
import time
import uuid
from collections.abc import Mapping
from typing import Any, Self

from arq.connections import ArqRedis
from redis.asyncio import ConnectionPool

from inpaint_tracker_client.errors import Conflict, Problem
from inpaint_tracker_client.masks import MaskSource, read_mask

QUEUE_NAME = "inpaint:arq"
TASK = "inpaint"
KEY_LIFETIME = 24 * 3600


def serialize(message: dict[str, Any]) -> bytes:
    """JSON, on both sides: arq's own default would let whoever writes to Redis run code in the worker."""
    return json.dumps(message, separators=(",", ":")).encode()


def deserialize(message: bytes) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(message)
    return document


class Queue:
    """`owner` is the name of a key in the service's API_KEYS: whose the jobs are."""

    def __init__(self, redis_url: str, owner: str) -> None:
        self._owner = owner
        self._redis = ArqRedis(
            ConnectionPool.from_url(redis_url),
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
    ) -> str:
        """The job's id. With a key, the same request within 24 h gives the same id; another one raises Conflict."""
        fields = {"parentJobId": parent_job_id, "prompt": prompt, "labels": labels, "idempotencyKey": idempotency_key}
        submission = {name: value for name, value in fields.items() if value is not None}
        submission |= {"owner": self._owner, "mask": base64.b64encode(read_mask(mask)).decode()}
        job_id = await self._id_for(idempotency_key, submission)
        # arq takes a message with the same id once; a repetition after a crash between id and message completes it
        await self._redis.enqueue_job(TASK, submission, _job_id=job_id)
        return job_id

    async def _id_for(self, key: str | None, submission: Mapping[str, Any]) -> str:
        """A new id, or the one that the same key was given before: decided by Redis, so two at once agree."""
        job_id = _uuid7()
        if key is None:
            return job_id
        name = "inpaint:door:" + _digest([self._owner, key])
        body = _digest(submission)
        earlier: bytes | None = await self._redis.set(name, f"{job_id} {body}", nx=True, get=True, ex=KEY_LIFETIME)
        if earlier is None:
            return job_id
        first, _, held = earlier.decode().partition(" ")
        if held != body:
            detail = f"This idempotency key was used within 24 h with another request, for job {first}."
            raise Conflict(Problem(status=409, title="Conflict", detail=detail))
        return first


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def _uuid7() -> str:
    """RFC 9562, section 5.7: the service orders its jobs by the time in their ids."""
    tail = int.from_bytes(os.urandom(10), "big") & ((1 << 74) - 1)
    high, low = tail >> 62, tail & ((1 << 62) - 1)
    return str(uuid.UUID(int=(time.time_ns() // 1_000_000 << 80) | (7 << 76) | (high << 64) | (2 << 62) | low))

"""A job's record as it lies in Redis, for tests that look at it or lay hands on it."""

from typing import Any

from redis.asyncio import Redis

from tracker.store.keys import name
from tracker.store.wire import pack, unpack


async def read(redis: Redis, job_id: str) -> dict[str, Any]:
    packed = await redis.get(name("job", job_id))
    return unpack(packed) if packed else {}


async def write(redis: Redis, job_id: str, **fields: Any) -> None:
    """These fields in place of what there was."""
    await redis.set(name("job", job_id), pack(await read(redis, job_id) | fields))

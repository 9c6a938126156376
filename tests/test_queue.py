"""The door to arq: JSON, and hints that may fail."""

import json

from redis.asyncio import Redis

from tracker.queue import QUEUE_NAME, Queue, deserialize, serialize


async def test_a_hint_is_json_and_has_a_short_life(redis: Redis, redis_url: str) -> None:
    """arq's own default is pickle, by which whoever writes to Redis runs code in the worker."""
    queue = Queue(redis_url)
    await queue.hint("job-1")
    await queue.aclose()
    assert await redis.zrange(QUEUE_NAME, 0, -1) == [b"submit:job-1"]
    raw = await redis.get("arq:job:submit:job-1")
    assert json.loads(raw)["f"] == "submit"
    assert 0 < await redis.pttl("arq:job:submit:job-1") <= 60_000
    await redis.flushall()


async def test_a_hint_that_cannot_be_sent_raises_nothing(redis: Redis) -> None:
    """The sweep finds what no message announced."""
    queue = Queue("unix:///nonexistent/q.sock")
    await queue.hint("job-1")
    await queue.aclose()


def test_what_arq_writes_is_read_back() -> None:
    """Both sides in one place."""
    assert deserialize(serialize({"f": "submit", "a": [1]})) == {"f": "submit", "a": [1]}

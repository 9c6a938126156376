"""Workers: whether any has given a sign of life to the queue's Redis."""

from contextlib import aclosing

from cli.doctor.finding import Finding, ok, warning
from tracker.queue import SIGN_OF_LIFE
from tracker.settings import Settings
from tracker.store.connection import UNAVAILABLE, connect


async def examine(settings: Settings) -> list[Finding]:
    """Nothing where Redis cannot be asked: that is told already."""
    url = settings.queue_redis_url or settings.redis_url
    try:
        async with aclosing(connect(url.get_secret_value())) as redis:
            alive = await redis.exists(SIGN_OF_LIFE)
    except (ValueError, *UNAVAILABLE):
        return []
    if alive:
        return [ok("worker", "at least one is running")]
    text = "none has given a sign of life for ten seconds: jobs stay PENDING"
    return [warning("worker", text, "Start `inpaint-tracker worker`, with the same REDIS_URL and QUEUE_REDIS_URL.")]

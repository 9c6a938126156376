"""Sessions that were signed out before their time, so that a copy of the cookie is worth nothing any more."""

from datetime import timedelta

from redis.asyncio import Redis

from tracker.clock import span_ms
from tracker.store.connection import served
from tracker.store.keys import name


class SignedOut:
    """Methods raise StoreUnavailable where Redis does not serve them."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    @served
    async def add(self, session_id: str, left: timedelta) -> None:
        """Kept for as long as the session would have lasted."""
        await self._redis.set(name("signedout", session_id), "1", px=max(1, span_ms(left)))

    @served
    async def holds(self, session_id: str) -> bool:
        return bool(await self._redis.exists(name("signedout", session_id)))

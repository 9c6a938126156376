"""A worker is stopped in the moment in which it connects to Redis.

redis-py may turn a cancellation that meets it while it connects into a time-out. A loop that takes this for an absent
Redis, and tries again, would never end.
"""

import asyncio

import pytest

from tests.town import town

pytestmark = pytest.mark.usefixtures("redis")


async def test_a_town_that_is_left_at_once_closes_at_once(redis_url: str) -> None:
    """However often."""
    async with asyncio.timeout(30):
        for _ in range(10):
            async with town(redis_url):
                pass

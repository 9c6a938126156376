from collections.abc import AsyncIterator

import httpx
import pytest
from redis.asyncio import Redis

from tests.door import door, settings_for
from tracker.settings import Settings


@pytest.fixture
def settings(redis_url: str) -> Settings:
    return settings_for(redis_url)


@pytest.fixture
async def api(redis: Redis, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with door(settings) as client:
        yield client

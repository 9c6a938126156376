"""Over a connection, what is ordinary goes the short way; httpx's own transport has no connection, and so none does."""

from collections.abc import AsyncIterator

import httpx
import pytest
from redis.asyncio import Redis

from service.app import create_app
from tests.door import door
from tests.serving import serving
from tracker.settings import Settings


@pytest.fixture(name="api", params=["short way", "long way"])
async def either_way(
    redis: Redis, settings: Settings, request: pytest.FixtureRequest
) -> AsyncIterator[httpx.AsyncClient]:
    """The same tests for both."""
    if request.param == "long way":
        async with door(settings) as api:
            yield api
    else:
        async with serving(create_app(settings)) as url, httpx.AsyncClient(base_url=url, timeout=30) as api:
            yield api

"""The client is tested as a caller has it: over real HTTP, sync and async alike, in front of a whole running town."""

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from redis.asyncio import Redis

CLIENT = Path(__file__).parents[2] / "client"
if str(CLIENT) not in sys.path:
    sys.path.insert(0, str(CLIENT))

from inpaint_tracker_client import AsyncTracker  # noqa: E402  after its folder is known

from tests.client.shells import SHELLS  # noqa: E402
from tests.door import mask_png  # noqa: E402
from tests.town import Town, town  # noqa: E402

Connect = Callable[..., AbstractAsyncContextManager[AsyncTracker]]


@pytest.fixture(params=SHELLS)
def connect(request: pytest.FixtureRequest) -> Connect:
    """Opens a tracker, once for each shell; both have the face of an AsyncTracker."""
    shell: Connect = SHELLS[request.param]
    return shell


@pytest.fixture
async def here(redis_url: str, redis: Redis) -> AsyncIterator[Town]:
    async with town(redis_url) as running:
        yield running


@pytest.fixture
async def idle(redis_url: str, redis: Redis) -> AsyncIterator[Town]:
    """A town whose worker does nothing: jobs stay PENDING."""
    async with town(redis_url, worker=False) as running:
        yield running


@pytest.fixture
def mask() -> bytes:
    return mask_png()

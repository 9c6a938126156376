"""The worker as arq runs it: its end."""

import asyncio

import pytest
from redis.asyncio import Redis

from tests.door import settings_for
from workers.main import _Worker, worker_options


@pytest.mark.filterwarnings("ignore:Call to deprecated close:DeprecationWarning")  # arq's own
async def test_a_message_that_is_in_hand_does_not_spoil_the_stop(redis: Redis, redis_url: str) -> None:
    """A signal cancels its task; that is no failure of the worker's."""
    worker = _Worker(**worker_options(settings_for(redis_url)), handle_signals=False)
    worker.tasks["message"] = in_hand = asyncio.create_task(asyncio.sleep(60))
    asyncio.get_running_loop().call_soon(in_hand.cancel)
    await worker.close()
    assert in_hand.cancelled()

"""A webhook is lost, and the lookup that should repair it is refused: upstream is busy for a moment.

Taking a lookup puts it off by a lease, so that it comes back if the worker dies. The lease is longer than any request
may take, 25 s. Were a refused lookup to wait for its end, too, two refusals would be more than the minute in which a
lost webhook is to be repaired.
"""

import asyncio
import time

import pytest

from tests.town import town
from tracker.lookups import AGAIN

pytestmark = pytest.mark.usefixtures("redis")


@pytest.mark.parametrize("trouble", ["poll_429", "poll_503"])
async def test_upstream_is_soon_asked_again(redis_url: str, trouble: str) -> None:
    """Within seconds, whatever the lease is."""
    soon = AGAIN.total_seconds() + 5
    async with town(redis_url, mischief={"webhook_dropped": 1, trouble: 1}) as here:
        job = await here.submit()
        while trouble not in (await here.sandbox.get("/sandbox/strikes")).json():
            await asyncio.sleep(0.02)
        await here.mischief(webhook_dropped=1)
        refused_at = time.monotonic()
        assert (await here.end_of(job))["settledBy"] == "poll"
        assert time.monotonic() - refused_at < soon < here.tools.lease.total_seconds()

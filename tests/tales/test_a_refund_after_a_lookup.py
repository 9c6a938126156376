"""A job is looked up while it runs, fails, and is refunded.

The lookup tells what was charged, 16. The webhook of the failure has no word about credits: upstream gives them back,
and says so only where it is asked. What the job tells then must not be the charge.
"""

import pytest

from tests.door import key
from tests.town import town

pytestmark = pytest.mark.usefixtures("redis")


async def test_a_failed_job_does_not_go_on_telling_what_was_charged(redis_url: str) -> None:
    """Until a lookup tells what it cost in the end: nothing."""
    slow = {"run_seconds": 4, "progress_step": 25}
    async with town(redis_url, mischief={"job_failed": 1}, sandbox=slow, poll_after_seconds=60) as here:
        job = await here.until(await here.submit(), "PROCESSING")
        refresh = f"/v1/jobs/{job['id']}/refresh"
        running = (await here.api.post(refresh, headers=key("ops"))).json()
        assert (running["status"], running["creditCost"]) == ("PROCESSING", 16)
        failed = await here.end_of(job)
        assert (failed["settledBy"], failed["creditCost"]) == ("webhook", None)
        assert (await here.api.post(refresh, headers=key("ops"))).json()["creditCost"] == 0

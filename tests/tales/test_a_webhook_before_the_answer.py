"""Upstream is quick: it delivers while its answer to our submission is still on the way.

The job has no upstream id yet, so nothing but the address ties the delivery to it. The attempt was put on record
before it was sent, and that is enough to bind. The late answer then only fills what is empty.
"""

import pytest

from tests.town import town

pytestmark = pytest.mark.usefixtures("redis")


async def test_every_delivery_is_applied_and_the_late_answer_is_noted(redis_url: str) -> None:
    """The job is finished before its submission is."""
    late = {"submit_delayed": 1, "delay_seconds": [5, 5]}
    async with town(redis_url, mischief=late) as here:
        job = await here.end_of(await here.submit())
        assert (job["status"], job["settledBy"]) == ("COMPLETED", "webhook")
        assert job["createdAt"] <= job["submittedAt"] <= job["startedAt"] <= job["completedAt"]
        outcomes = await here.outcomes(job)
        while outcomes[-1] != ("accepted", "noted"):
            outcomes = await here.outcomes(job)
        assert [outcome for kind, outcome in outcomes if kind in ("progress", "completed")] == ["applied"] * 4
        assert (await here.get(job))["status"] == "COMPLETED"
        assert await here.charges() == [16]

"""The most expensive moment: upstream has taken the job and 16 credits, and the worker dies before it writes that down.

What saves the job: the attempt is on record before it is sent, it carries our id as Idempotency-Key, and its lease
runs out. Whoever claims the job next sends the same bytes under the same key, and upstream answers with the same job.
With webhooks it is settled sooner still: a delivery at the job's address binds it.
"""

import asyncio
from pathlib import Path

import pytest

from tests.processes import environment, started
from tests.town import Town, town

pytestmark = pytest.mark.usefixtures("redis")


async def until_taken(here: Town) -> None:
    """Upstream has charged; its answer is still on the way."""
    while not await here.charges():
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("webhooks", [False, True], ids=["polling alone", "with webhooks"])
async def test_one_upstream_job_one_charge_and_it_completes(redis_url: str, tmp_path: Path, webhooks: bool) -> None:
    """Killed with -9 between upstream's answer and our write."""
    late = {"submit_delayed": 1, "times": 1, "delay_seconds": [3, 3]}
    async with town(redis_url, webhooks=webhooks, worker=False, mischief=late) as here:
        public = {"PUBLIC_URL": str(here.settings.public_url)} if webhooks else {}
        quick = {"APIFRAME_TIMEOUT_SECONDS": "4", "POLL_AFTER_SECONDS": "1"}
        env = environment(redis_url, APIFRAME_BASE_URL=here.settings.apiframe_base_url, **quick, **public)
        job = await here.submit()
        async with started(["cli", "worker"], env, tmp_path / "first.log") as first:
            await until_taken(here)
            first.kill()
        assert '"event": "submitted"' not in first.output()
        if webhooks:
            assert (await here.end_of(job))["settledBy"] == "webhook"
        async with started(["cli", "worker"], env, tmp_path / "second.log"):
            final = await here.end_of(job)
        assert (final["status"], len(final["result"]["images"])) == ("COMPLETED", 4)
        [charge] = (await here.sandbox.get("/sandbox/ledger")).json()["entries"]
        assert (charge["jobId"], charge["change"]) == (final["upstreamJobId"], -16)
        repeated = [line["idempotencyKey"] for line in await here.attempts()]
        assert set(repeated) == (set() if webhooks else {job["id"]})

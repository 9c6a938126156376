"""Everything at once: deliveries twice, out of order, late and never; answers lost; failures and silent cancels."""

import asyncio

import pytest

from tests.door import key
from tests.town import town

pytestmark = pytest.mark.usefixtures("redis")

MISCHIEF = {
    "seed": 8, "webhook_duplicated": 0.2, "webhook_reordered": 0.2, "webhook_dropped": 0.1, "webhook_delayed": 0.1,
    "delay_seconds": [0.01, 0.2], "submit_504": 0.03, "submit_cut": 0.03, "submit_without_id": 0.03, "submit_503": 0.03,
    "job_failed": 0.05, "job_cancelled": 0.03, "result_null": 0.03, "result_string": 0.05, "error_object": 0.5,
}  # fmt: skip


async def test_forty_jobs_end_as_upstream_says_each_charged_once(redis_url: str) -> None:
    """And no history goes backwards."""
    async with town(redis_url, mischief=MISCHIEF) as here:
        jobs = [await here.submit() for _ in range(40)]
        finals = await asyncio.gather(*[here.end_of(job) for job in jobs])
        headers = {"X-API-Key": here.settings.apiframe_api_key.get_secret_value()}
        for job in finals:
            truth = (await here.sandbox.get(f"/v2/jobs/{job['upstreamJobId']}", headers=headers)).json()
            assert job["status"] == truth["status"], job
            events = (await here.api.get(f"{job['links']['events']}?limit=100", headers=key("editor"))).json()["events"]
            assert [event["progress"] for event in events] == sorted(event["progress"] for event in events)
        entries = (await here.sandbox.get("/sandbox/ledger")).json()["entries"]
        charged = [entry["jobId"] for entry in entries if entry["reason"] == "charge"]
        assert sorted(charged) == sorted(job["upstreamJobId"] for job in finals)

"""What webhooks do not tell, upstream is asked."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from tests.samples import SILENCE, delivered, upstream_id
from tests.town import Town, town
from tests.workers.test_submit import claim
from tracker.clock import utc_now
from tracker.events import Missing
from tracker.job import Status
from tracker.lookups import LOST_AFTER, LOST_SPAN
from tracker.store.keys import name
from workers import tidy
from workers.expiry import expire
from workers.submit import submit

pytestmark = pytest.mark.usefixtures("redis")


async def test_dossier_13_12_a_job_whose_webhooks_are_lost_is_settled_by_a_poll(redis_url: str) -> None:
    """All of them dropped."""
    async with town(redis_url, mischief={"webhook_dropped": 1}) as here:
        job = await here.end_of(await here.submit())
        assert (job["status"], job["settledBy"], len(job["result"]["images"])) == ("COMPLETED", "poll", 4)


async def test_a_job_that_upstream_cancelled_is_found(redis_url: str) -> None:
    """There is no webhook for it."""
    async with town(redis_url, mischief={"job_cancelled": 1}) as here:
        job = await here.end_of(await here.submit())
        assert (job["status"], job["result"], job["settledBy"]) == ("CANCELLED", None, "poll")


async def test_a_failure_is_refunded_and_says_why(redis_url: str) -> None:
    """By webhook; the cost is learned by asking, or stays unknown."""
    async with town(redis_url, mischief={"job_failed": 1, "failure": "Image denied"}) as here:
        job = await here.end_of(await here.submit())
        assert (job["status"], job["error"]) == ("FAILED", {"code": "provider_failed", "message": "Image denied"})


@pytest.mark.parametrize("fault", ["result_null", "result_string"])
async def test_dossier_13_06_results_of_every_form_end_in_one(redis_url: str, fault: str) -> None:
    """Null settles the job only once upstream's own record has none either; a bare URL becomes one image."""
    async with town(redis_url, mischief={fault: 1}) as here:
        job = await here.end_of(await here.submit())
        assert job["status"] == "COMPLETED"
        assert len(job["result"]["images"]) == (0 if fault == "result_null" else 1)
        assert job["settledBy"] == ("poll" if fault == "result_null" else "webhook")


async def processing(here: Town) -> str:
    """Our id of a job that upstream knows nothing of."""
    up = upstream_id()
    applied = await here.tools.store.apply(
        delivered(up, Status.PROCESSING), utc_now(), job_id=None, silence=timedelta(seconds=1)
    )
    return applied.job_id


async def status(here: Town, job_id: str) -> tuple[str, str | None]:
    stored = await here.tools.store.get(job_id)
    assert stored is not None
    return stored.job.status, stored.job.error.code if stored.job.error else None


async def test_a_job_is_lost_only_after_repeated_404s(redis_url: str) -> None:
    """And over some time: not in a burst."""
    async with town(redis_url, worker=False) as here:
        job_id = await processing(here)
        for _ in range(LOST_AFTER + 2):
            await here.tools.lookups.ask(job_id)
            assert await status(here, job_id) == ("PROCESSING", None)
        later = replace(here.tools, clock=lambda: utc_now() + LOST_SPAN)
        await later.lookups.ask(job_id)
        assert await status(here, job_id) == ("FAILED", "lost")


async def test_any_word_of_upstreams_ends_a_row_of_404s(redis_url: str) -> None:
    """The count begins anew."""
    async with town(redis_url, worker=False) as here:
        job_id = await processing(here)
        for _ in range(LOST_AFTER):
            await here.tools.lookups.ask(job_id)
        stored = await here.tools.store.get(job_id)
        assert stored is not None
        news = delivered(str(stored.job.upstream_job_id), Status.PROCESSING, progress=80)
        await here.tools.store.apply(news, utc_now(), job_id=job_id, silence=SILENCE)
        later = replace(here.tools, clock=lambda: utc_now() + LOST_SPAN)
        await later.lookups.ask(job_id)
        assert await status(here, job_id) == ("PROCESSING", None)


@pytest.mark.parametrize("switches", [{"poll_503": 1}, {"poll_429": 1}, {"key_inactive": True}])
async def test_upstream_being_away_never_fails_a_job(redis_url: str, switches: dict[str, Any]) -> None:
    """However often it is asked in vain."""
    async with town(redis_url, worker=False) as here:
        job_id = await processing(here)
        await here.mischief(**switches)
        for _ in range(LOST_AFTER + 2):
            await here.tools.lookups.ask(job_id)
        assert await status(here, job_id) == ("PROCESSING", None)


async def test_a_job_that_upstream_never_ends_expires(redis_url: str) -> None:
    """After SETTLE_WITHIN_SECONDS, and only once upstream has said that it still runs."""
    async with town(redis_url, worker=False, sandbox={"run_seconds": 60}) as here:
        job = await here.submit()

        await submit(here.tools, await claim(here.tools))
        later = replace(here.tools, clock=lambda: utc_now() + timedelta(days=2))
        await later.lookups.ask(job["id"])
        assert await status(here, job["id"]) == ("FAILED", "expired")


async def test_dossier_13_10_where_deliveries_contradict_upstream_decides(redis_url: str) -> None:
    """A forged-looking failure after a completion: kept, and upstream's own record stands."""
    async with town(redis_url) as here:
        job = await here.end_of(await here.submit())
        contradiction = delivered(job["upstreamJobId"], Status.FAILED)
        await here.tools.store.apply(contradiction, utc_now(), job_id=job["id"], silence=SILENCE)
        await here.tools.lookups.ask(job["id"])
        outcomes = await here.outcomes(job)
        assert ("failed", "conflict") in outcomes
        assert outcomes[-1] == ("found_completed", "noted")
        assert (await here.get(job))["status"] == "COMPLETED"


async def test_a_job_of_which_upstream_tells_nothing_that_can_be_read_expires(redis_url: str) -> None:
    """After SETTLE_WITHIN_SECONDS, and not before: it must not hold its slot for ever."""
    async with town(redis_url, worker=False) as here:
        job = await here.submit()
        await submit(here.tools, await claim(here.tools))
        await here.mischief(status_unknown=True, webhook_dropped=1)
        await here.tools.lookups.ask(job["id"])
        assert await status(here, job["id"]) == ("QUEUED", None)
        later = replace(here.tools, clock=lambda: utc_now() + timedelta(days=2))
        await later.lookups.ask(job["id"])
        assert await status(here, job["id"]) == ("FAILED", "expired")


async def test_a_stranger_learns_what_it_was_made_from(redis_url: str) -> None:
    """From upstream's `input`."""
    async with town(redis_url) as here:
        request = {"action": "pan", "direction": "up", "parentJobId": here.parent_id,
                   "webhookUrl": f"{here.settings.public_url}/webhooks/apiframe"}  # fmt: skip
        headers = {"X-API-Key": here.settings.apiframe_api_key.get_secret_value()}
        answer = await here.sandbox.post("/v2/images/midjourney/action", json=request, headers=headers)
        await here.sandbox.get(f"/sandbox/jobs/{answer.json()['jobId']}/settled")
        stored = await here.tools.store.find(answer.json()["jobId"])
        assert stored is not None
        await here.tools.lookups.ask(stored.job.id)
        told = await here.tools.store.get(stored.job.id)
        assert told is not None
        assert (told.job.owner, told.job.action, told.job.parent_job_id) == ("external", "pan", here.parent_id)


async def test_what_was_called_lost_and_is_found_again_is_a_repair(redis_url: str) -> None:
    """And calling it lost was none."""
    async with town(redis_url, worker=False, mischief={"webhook_dropped": 1}) as here:
        job = await here.submit()
        await submit(here.tools, await claim(here.tools))
        stored = await here.tools.store.get(job["id"])
        assert stored is not None
        await here.tools.lookups.apply(stored, Missing(3, lost=True))
        assert (await here.tools.store.figures(utc_now())).lost == 0
        await here.sandbox.get(f"/sandbox/jobs/{stored.job.upstream_job_id}/settled")
        await here.tools.lookups.ask(job["id"])
        assert await status(here, job["id"]) == ("COMPLETED", None)
        assert (await here.tools.store.figures(utc_now())).lost == 1


async def test_a_webhook_that_was_lost_is_counted(redis_url: str) -> None:
    """One that was never due is not: of a job that upstream cancelled, and of one that was to be polled."""
    async with town(redis_url, mischief={"webhook_dropped": 1}) as here:
        await here.end_of(await here.submit())
        assert (await here.tools.store.figures(utc_now())).lost == 1
    async with town(redis_url, mischief={"job_cancelled": 1}) as here:
        await here.end_of(await here.submit())
        assert (await here.tools.store.figures(utc_now())).lost == 1
    async with town(redis_url, webhooks=False) as here:
        await here.end_of(await here.submit())
        assert (await here.tools.store.figures(utc_now())).lost == 1


async def test_retention_and_expiry_are_what_time_alone_brings(redis_url: str, redis: Redis) -> None:
    """Finished jobs go; pending ones fail, also while submissions are held."""
    async with town(redis_url, worker=False) as here:
        job = await here.submit()
        await here.tools.gate.hold("429", timedelta(days=30))
        later = replace(here.tools, clock=lambda: utc_now() + timedelta(days=2))
        assert await expire(later) == 1
        assert await status(here, job["id"]) == ("FAILED", "expired")
        assert await tidy.retire(replace(here.tools, clock=lambda: utc_now() + timedelta(days=40))) == 1
        assert await redis.exists(name("job", job["id"])) == 0

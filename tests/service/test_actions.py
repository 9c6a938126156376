"""Cancel, refresh and track, against the stand-in for Apiframe."""

import base64
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.door import assert_problem, key, mask_png
from tests.samples import delivered
from tests.town import Town, town
from tests.workers.test_submit import claim
from tracker.clock import utc_now
from tracker.job import Status
from workers.submit import submit

pytestmark = pytest.mark.usefixtures("redis")


@pytest.fixture
async def here(redis_url: str) -> AsyncIterator[Town]:
    """Nobody submits or looks up but the test."""
    async with town(redis_url, worker=False) as running:
        yield running


async def post(here: Town, path: str, owner: str = "editor", **body: Any) -> httpx.Response:
    options: dict[str, Any] = {"json": body} if body else {}
    return await here.api.post(path, headers=key(owner), **options)


async def at_upstream(here: Town) -> str:
    """The id of an inpaint that somebody submitted to Apiframe without us."""
    request = {"action": "pan", "direction": "up", "parentJobId": here.parent_id}
    headers = {"X-API-Key": here.settings.apiframe_api_key.get_secret_value()}
    answer = await here.sandbox.post("/v2/images/midjourney/action", json=request, headers=headers)
    up: str = answer.json()["jobId"]
    return up


async def test_a_pending_job_is_cancelled_by_its_owner(here: Town) -> None:
    """200, and again; its mask goes, and it is never submitted."""
    job = await here.submit()
    for _ in range(2):
        answer = await post(here, f"/v1/jobs/{job['id']}/cancel")
        assert (answer.status_code, answer.json()["status"]) == (200, "CANCELLED")
    assert answer.json()["completedAt"] is not None
    assert await here.tools.store.mask(job["id"]) is None
    found = await here.tools.store.work.claim(utc_now(), lease=here.tools.lease, max_in_flight=9, webhooks=None)
    assert found.job_id is None


async def test_others_cannot_cancel_it_and_an_operator_can(here: Town) -> None:
    """404 for a stranger, 403 without the scope."""
    job = await here.submit()
    path = f"/v1/jobs/{job['id']}/cancel"
    assert_problem(await post(here, path, owner="shop"), 404)
    assert_problem(await post(here, path, owner="auditor"), 403)
    assert (await post(here, path, owner="ops")).status_code == 200


async def test_what_upstream_may_have_cannot_be_cancelled(here: Town) -> None:
    """While an attempt is under way, and after: 409, with the reason."""
    job = await here.submit()
    job_id = await claim(here.tools)
    path = f"/v1/jobs/{job['id']}/cancel"
    assert "right now" in assert_problem(await post(here, path), 409)["detail"]
    await submit(here.tools, job_id)
    await here.until(job, "COMPLETED")
    assert "COMPLETED" in assert_problem(await post(here, path), 409)["detail"]


async def test_a_job_that_was_put_off_can_be_cancelled(here: Town) -> None:
    """Upstream said plainly that it took nothing."""
    await here.mischief(submit_503=1)
    job = await here.submit()
    await submit(here.tools, await claim(here.tools))
    assert (await post(here, f"/v1/jobs/{job['id']}/cancel")).status_code == 200


async def test_refresh_asks_upstream_now(here: Town) -> None:
    """200 with the job as upstream tells of it; 503 where it does not answer; 409 before it was accepted."""
    await here.mischief(webhook_dropped=1)
    job = await here.submit()
    path = f"/v1/jobs/{job['id']}/refresh"
    assert_problem(await post(here, path, owner="ops"), 409)
    await submit(here.tools, await claim(here.tools))
    bound = await here.get(job)
    await here.sandbox.get(f"/sandbox/jobs/{bound['upstreamJobId']}/settled")
    answer = await post(here, path, owner="ops")
    assert (answer.status_code, answer.json()["status"], answer.json()["settledBy"]) == (200, "COMPLETED", "poll")
    await here.mischief(poll_429=1, retry_after=9)
    limited = await post(here, path, owner="ops")
    assert_problem(limited, 503)
    assert limited.headers["retry-after"] == "9"


async def test_a_job_of_the_callers_own_is_tracked(here: Town) -> None:
    """201 with what upstream tells, then 200; from then on it is the caller's, found by its labels."""
    up = await at_upstream(here)
    first = await post(here, "/v1/jobs/track", upstreamJobId=up, labels={"order": "7"})
    again = await post(here, "/v1/jobs/track", upstreamJobId=up)
    job = first.json()
    assert (first.status_code, again.status_code, again.json()["id"]) == (201, 200, job["id"])
    assert first.headers["location"] == f"/v1/jobs/{job['id']}"
    assert (job["owner"], job["action"], job["parentJobId"]) == ("editor", "pan", here.parent_id)
    assert (job["mask"], job["upstreamJobId"], job["labels"]) == (None, up, {"order": "7"})
    listed = (await here.api.get("/v1/jobs?label.order=7", headers=key("editor"))).json()["jobs"]
    assert [one["id"] for one in listed] == [job["id"]]


async def test_what_is_tracked_already_keeps_its_labels(here: Town) -> None:
    """Others are a conflict, and not dropped in silence."""
    up = await at_upstream(here)
    job = (await post(here, "/v1/jobs/track", upstreamJobId=up, labels={"order": "7"})).json()
    assert (await post(here, "/v1/jobs/track", upstreamJobId=up, labels={"order": "7"})).status_code == 200
    problem = assert_problem(await post(here, "/v1/jobs/track", upstreamJobId=up, labels={"order": "8"}), 409)
    assert job["id"] in problem["detail"]


async def test_our_own_id_is_no_id_of_upstreams(here: Town) -> None:
    """Whoever's job it is: a stranger must not learn that it is there."""
    job = await here.submit()
    for owner in ("editor", "shop"):
        assert_problem(await post(here, "/v1/jobs/track", owner=owner, upstreamJobId=job["id"]), 404)


async def test_a_delivery_that_came_before_the_registration_is_the_same_job(here: Town) -> None:
    """It was nobody's until then."""
    up = await at_upstream(here)
    applied = await here.tools.store.apply(
        delivered(up, Status.PROCESSING), utc_now(), job_id=None, silence=here.tools.lease
    )
    answer = await post(here, "/v1/jobs/track", upstreamJobId=up, labels={"order": "7"})
    assert (answer.status_code, answer.json()["id"], answer.json()["owner"]) == (200, applied.job_id, "editor")
    assert_problem(await post(here, "/v1/jobs/track", owner="shop", upstreamJobId=up), 409)


async def test_what_cannot_be_tracked_is_said_plainly(here: Town) -> None:
    """404 for a job that upstream does not know, 422 for what is no id, 503 where upstream is away."""
    assert_problem(await post(here, "/v1/jobs/track", upstreamJobId=str(uuid4())), 404)
    assert_problem(await post(here, "/v1/jobs/track", upstreamJobId="x"), 422, field="upstreamJobId")
    assert_problem(await post(here, "/v1/jobs/track", upstreamJobId=str(uuid4()), mask="x"), 422, field="mask")
    await here.mischief(poll_503=1)
    assert_problem(await post(here, "/v1/jobs/track", upstreamJobId=str(uuid4())), 503)


async def test_a_mask_of_another_size_than_the_parents_is_refused_with_both_sizes(here: Town) -> None:
    """Where we know the parent: something was completed from it."""
    job = await here.submit()
    await submit(here.tools, await claim(here.tools))
    await here.until(job, "COMPLETED")
    small = base64.b64encode(mask_png(32)).decode()
    answer = await post(here, "/v1/jobs", parentJobId=here.parent_id, mask=small)
    [message] = assert_problem(answer, 422, field="mask")["errors"]["mask"]
    assert "32 x 32" in message
    assert "64 x 64" in message

"""Keys, envelopes and headers: what every answer has in common."""

import pytest

from tests.sandbox.actors import KEY, UNKNOWN_ID, Caller
from tests.sandbox.conftest import Open
from tests.sandbox.shapes import Accepted, Job, Me


async def test_a_submit_is_answered_with_202_job_id_and_status(apiframe: Caller) -> None:
    """The official SDK reads `jobId` and `status` of any 2xx."""
    answer = await apiframe.generate()
    assert answer.status_code == 202
    Accepted.model_validate(answer.json())


async def test_every_answer_is_json_and_has_a_request_id(apiframe: Caller) -> None:
    """Without `application/json` the SDK hands back a string."""
    answers = [
        await apiframe.generate(),
        await apiframe.generate(""),
        await apiframe.job(UNKNOWN_ID),
        await apiframe.job("7"),
        await apiframe.http.get("/v2/me"),
        await apiframe.http.get("/v2/nowhere"),
        await apiframe.http.put("/v2/jobs"),
    ]
    assert [answer.status_code for answer in answers] == [202, 400, 404, 400, 200, 404, 405]
    assert {answer.headers["content-type"] for answer in answers} == {"application/json"}
    assert len({answer.headers["x-request-id"] for answer in answers}) == len(answers)
    assert all(isinstance(answer.json()["error"], str) for answer in answers if answer.is_error)


@pytest.mark.parametrize("path", ["/v2/me", "/v2/jobs", f"/v2/jobs/{UNKNOWN_ID}"])
async def test_a_key_is_required_and_must_be_known(apiframe: Caller, path: str) -> None:
    """401 with the two documented texts."""
    for key, text in (("", "API key is required"), ("afk_other", "Invalid API key")):
        answer = await apiframe.http.get(path, headers={"X-API-Key": key})
        assert (answer.status_code, answer.json()) == (401, {"error": text})


async def test_submits_need_a_key_too(apiframe: Caller) -> None:
    """Before the body is looked at."""
    for path in ("generate", "midjourney/action"):
        answer = await apiframe.submit({}, path, X_API_Key="afk_other")
        assert (answer.status_code, answer.json()) == (401, {"error": "Invalid API key"})


async def test_an_inactive_key_is_a_403(apiframe: Caller) -> None:
    """With the documented text."""
    await apiframe.mischief(key_inactive=True)
    answer = await apiframe.http.get("/v2/me")
    assert (answer.status_code, answer.json()) == (403, {"error": "API key is inactive"})


async def test_me_tells_user_team_credits_and_key(opened: Open) -> None:
    """The union of the OpenAPI document (customerId, prefix) and the docs page (maxConcurrentJobs)."""
    async with opened(credits=70, plan="pro", max_concurrent_jobs=3) as apiframe:
        me = Me.model_validate((await apiframe.http.get("/v2/me")).json())
    assert (me.team.credits, me.team.plan, me.team.maxConcurrentJobs) == (70, "pro", 3)
    assert KEY.startswith(me.apiKey.prefix)


async def test_a_job_is_found_by_its_user_only(opened: Open) -> None:
    """404 for another user's, as for one that never was; 400 for what is no UUID."""
    async with opened(stranger_keys=("afk_stranger",)) as apiframe:
        job_id = (await apiframe.generate()).json()["jobId"]
        assert (await apiframe.job(job_id)).status_code == 200
        stranger = await apiframe.http.get(f"/v2/jobs/{job_id}", headers={"X-API-Key": "afk_stranger"})
        assert (stranger.status_code, stranger.json()) == (404, {"error": "Job not found"})
        assert (await apiframe.job(UNKNOWN_ID)).status_code == 404
        assert (await apiframe.job("a1b2")).status_code == 400


async def test_a_job_has_the_documented_fields_at_every_stage(apiframe: Caller) -> None:
    """QUEUED or later, and at its end."""
    accepted = await apiframe.generate()
    Job.model_validate((await apiframe.job(accepted.json()["jobId"])).json())
    Job.model_validate(await apiframe.settled(accepted))


async def test_input_is_the_request_as_received_but_for_the_mask(apiframe: Caller) -> None:
    """The webhook URL stays as it was, query string and all."""
    parent, url = await apiframe.seed(), "http://127.0.0.1:9/x?variant_id=7&empty="
    accepted = await apiframe.inpaint(parent, prompt="a moon", webhookUrl=url)
    job = await apiframe.settled(accepted)
    assert job["input"] == {
        "action": "inpaint",
        "parentJobId": parent,
        "prompt": "a moon",
        "webhookUrl": url,
    }


async def test_the_log_reads_as_a_transcript(apiframe: Caller) -> None:
    """Jobs are numbered in it; the sandbox's own paths are left out."""
    accepted = await apiframe.generate()
    await apiframe.settled(accepted)
    await apiframe.job(accepted.json()["jobId"])
    await apiframe.generate("")
    await apiframe.http.get("/v2/me")
    assert await apiframe.transcript() == [
        "POST /v2/images/generate → 202 #1",
        "GET /v2/jobs/#1 → 200 COMPLETED",
        "POST /v2/images/generate → 400",
        "GET /v2/me → 200",
    ]

"""What a caller meets: submit, get, wait, list, events."""

import asyncio
import base64
import json
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from tests.door import assert_problem, key, mask_png, signed, submission
from tests.samples import START, WEBHOOKS, upstream_id
from tests.service.ways import either_way
from tracker.ids import as_uuid
from tracker.job import Job
from tracker.store.jobs import JobStore
from tracker.store.keys import name

__all__ = ["either_way"]
FIELDS = {"id", "upstreamJobId", "action", "owner", "status", "progress", "parentJobId", "prompt", "labels", "mask",
          "result", "resultExpiresAt", "error", "creditCost", "settledBy", "createdAt", "submittedAt", "startedAt",
          "completedAt", "updatedAt", "links"}  # fmt: skip


async def submitted(api: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    answer = await api.post("/v1/jobs", json=submission(**fields), headers=key("editor"))
    assert answer.status_code == 202, answer.text
    job: dict[str, Any] = answer.json()
    return job


async def tried(store: JobStore) -> None:
    """As if a worker had begun to submit the oldest job."""
    from datetime import timedelta

    from tracker.clock import utc_now

    await store.work.claim(utc_now(), lease=timedelta(minutes=1), max_in_flight=9, webhooks=WEBHOOKS)


async def deliver(api: httpx.AsyncClient, job: dict[str, Any], up: str, **document: Any) -> httpx.Response:
    return await api.post(f"/webhooks/apiframe/{job['id']}", **signed({"jobId": up, **document}))


async def test_a_submission_is_answered_with_the_pending_job(api: httpx.AsyncClient, store: JobStore) -> None:
    """202, its address, and every field of the contract; the mask as facts alone."""
    answer = await api.post(
        "/v1/jobs", json=submission(prompt="a balloon", labels={"order": "8821"}), headers=key("editor")
    )
    job = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/v1/jobs/{job['id']}" == job["links"]["self"]
    assert set(job) == FIELDS
    assert (job["status"], job["progress"], job["owner"]) == ("PENDING", 0, "editor")
    assert (job["prompt"], job["labels"]) == ("a balloon", {"order": "8821"})
    assert set(job["mask"]) == {"sha256", "width", "height", "coverage"}
    assert job["createdAt"].endswith("Z")
    assert len(job["createdAt"]) == len("2026-03-15T10:00:32.000Z")
    assert await store.mask(job["id"]) is not None


async def test_the_answer_round_trips_through_the_model(api: httpx.AsyncClient) -> None:
    """What we send is what our own model reads."""
    job = await submitted(api)
    assert Job.model_validate({k: v for k, v in job.items() if k != "links"}).id == job["id"]


async def test_the_id_is_a_uuid_of_version_7(api: httpx.AsyncClient) -> None:
    """And known before upstream has answered."""
    job = await submitted(api)
    assert as_uuid(job["id"]) == job["id"]
    assert job["id"][14] == "7"
    assert job["upstreamJobId"] is None


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"parentJobId": None}, "parentJobId"),
        ({"parentJobId": "not-a-uuid"}, "parentJobId"),
        ({"mask": None}, "mask"),
        ({"mask": "%%%"}, "mask"),
        ({"mask": base64.b64encode(b"no image").decode()}, "mask"),
        ({"prompt": "x" * 2001}, "prompt"),
        ({"prompt": 7}, "prompt"),
        ({"labels": {str(n): "x" for n in range(9)}}, "labels"),
        ({"labels": {"a" * 64: "x"}}, "labels"),
        ({"labels": {"a": ""}}, "labels"),
        ({"labels": {"a=b": "x"}}, "labels"),
        ({"action": "outpaint"}, "action"),
        ({"webhookUrl": "https://me.example"}, "webhookUrl"),
    ],
)
async def test_a_field_at_fault_is_named_and_nothing_is_held(
    api: httpx.AsyncClient, redis: Redis, change: dict[str, Any], field: str
) -> None:
    """422, in the caller's own spelling."""
    answer = await api.post("/v1/jobs", json=submission(**change), headers=key("editor"))
    assert_problem(answer, 422, field=field)
    assert set(await redis.keys("*")) == {name("instance").encode(), name("layout").encode()}


async def test_everything_that_is_wrong_is_said_at_once(api: httpx.AsyncClient) -> None:
    """Also the mask, which other fields do not hide."""
    body = {"mask": "%%%", "prompt": 7, "colour": "red"}
    problem = assert_problem(await api.post("/v1/jobs", json=body, headers=key("editor")), 422)
    assert set(problem["errors"]) == {"parentJobId", "mask", "prompt", "colour"}


async def test_a_pasted_action_is_accepted(api: httpx.AsyncClient) -> None:
    """A body written for Apiframe works here."""
    assert (await submitted(api, action="inpaint"))["action"] == "inpaint"


async def test_dossier_13_23_a_wrapped_mask_with_a_data_prefix_is_fine(api: httpx.AsyncClient) -> None:
    """As GNU base64 and a canvas make it."""
    wrapped = "data:image/png;base64," + base64.encodebytes(mask_png()).decode()
    assert (await submitted(api, mask=wrapped))["mask"]["width"] == 64


async def test_dossier_13_23_a_shell_may_put_wrapped_base64_into_the_body_as_it_is(api: httpx.AsyncClient) -> None:
    """Line breaks and tabs in JSON's strings, which it forbids; what else is wrong is told as ever."""
    text = json.dumps(submission(mask="MASK", prompt='a \\ and a "'))
    body = text.replace("MASK", base64.encodebytes(mask_png()).decode().replace("\n", "\r\n\t"), 1)
    headers = {**key("editor"), "Content-Type": "application/json"}
    answer = await api.post("/v1/jobs", content=body, headers=headers)
    assert (answer.status_code, answer.json()["prompt"]) == (202, 'a \\ and a "')
    assert_problem(await api.post("/v1/jobs", content=body[:-1], headers=headers), 400)


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/jobs/track"])
async def test_an_unclosed_string_costs_no_more_than_its_length(api: httpx.AsyncClient, path: str) -> None:
    """Each quote in it could be the closing one: tried one after the other, a megabyte would take hours."""
    headers = {**key("editor"), "Content-Type": "application/json"}
    body = b'{"mask":"' + rb"\"" * (30_000 if path.endswith("track") else 500_000)
    async with asyncio.timeout(20):
        assert_problem(await api.post(path, content=body, headers=headers), 400)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff", b'{"mask": "a\x00b"}', b"[" * 9999])
async def test_a_body_that_is_no_json_object_is_a_bad_request(api: httpx.AsyncClient, body: bytes) -> None:
    """400, with a word on where."""
    headers = {**key("editor"), "Content-Type": "application/json"}
    assert_problem(await api.post("/v1/jobs", content=body, headers=headers), 400)


async def test_another_media_type_is_refused(api: httpx.AsyncClient) -> None:
    """415."""
    headers = {**key("editor"), "Content-Type": "text/plain"}
    assert_problem(await api.post("/v1/jobs", content=b"{}", headers=headers), 415)


async def test_a_body_above_the_limit_is_refused(api: httpx.AsyncClient) -> None:
    """413, declared or not."""
    headers = {**key("editor"), "Content-Type": "application/json"}

    async def endless() -> Any:
        for _ in range(13):
            yield b" " * 1_000_000

    assert_problem(await api.post("/v1/jobs", content=b" " * 13_000_000, headers=headers), 413)
    assert_problem(await api.post("/v1/jobs", content=endless(), headers=headers), 413)


async def test_an_idempotency_key_makes_one_job_of_two_requests(api: httpx.AsyncClient) -> None:
    """202 again, marked as a replay; another body is a conflict."""
    headers = {**key("editor"), "Idempotency-Key": "order-8821"}
    body = submission()
    first = await api.post("/v1/jobs", json=body, headers=headers)
    second = await api.post("/v1/jobs", json=body, headers=headers)
    assert (second.status_code, second.json()) == (202, first.json())
    assert second.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert_problem(await api.post("/v1/jobs", json=submission(prompt="other"), headers=headers), 409)


async def test_labels_in_another_order_are_the_same_request(api: httpx.AsyncClient) -> None:
    """Some languages' maps have none."""
    headers = {**key("editor"), "Idempotency-Key": "order-8822"}
    bodies = [submission(labels=labels) for labels in ({"a": "1", "b": "2"}, {"b": "2", "a": "1"})]
    first, second = [await api.post("/v1/jobs", json=body, headers=headers) for body in bodies]
    assert (second.status_code, second.json()["id"]) == (202, first.json()["id"])


async def test_the_mask_is_in_no_answer(api: httpx.AsyncClient) -> None:
    """Neither as sent nor as held."""
    body = submission()
    job = (await api.post("/v1/jobs", json=body, headers=key("editor"))).json()
    for path in (f"/v1/jobs/{job['id']}", "/v1/jobs", f"/v1/jobs/{job['id']}/events"):
        text = (await api.get(path, headers=key("editor"))).text
        assert body["mask"] not in text


# Get


async def test_a_job_is_found_by_our_id_and_by_upstreams(api: httpx.AsyncClient, store: JobStore) -> None:
    """Upper case too; anything else is 404."""
    job, up = await submitted(api), upstream_id()
    await tried(store)
    await deliver(api, job, up, event="progress", status="PROCESSING", progress=45)
    for one in (job["id"], job["id"].upper(), up):
        found = await api.get(f"/v1/jobs/{one}", headers=key("editor"))
        assert (found.json()["id"], found.json()["progress"]) == (job["id"], 45)
    for none in (upstream_id(), "x", "../etc/passwd", "0" * 36):
        assert (await api.get(f"/v1/jobs/{none}", headers=key("editor"))).status_code == 404


async def test_an_etag_stands_for_a_version(api: httpx.AsyncClient, store: JobStore) -> None:
    """Strong; 304 while nothing has changed, 200 after."""
    job = await submitted(api)
    path, headers = f"/v1/jobs/{job['id']}", key("editor")
    etag = (await api.get(path, headers=headers)).headers["etag"]
    assert etag.startswith('"')
    unchanged = await api.get(path, headers={**headers, "If-None-Match": etag})
    assert (unchanged.status_code, unchanged.content, unchanged.headers["etag"]) == (304, b"", etag)
    await tried(store)
    await deliver(api, job, upstream_id(), event="progress", status="PROCESSING", progress=1)
    changed = await api.get(path, headers={**headers, "If-None-Match": etag})
    assert (changed.status_code, changed.headers["etag"] != etag) == (200, True)


async def test_a_held_answer_is_woken_by_the_change(api: httpx.AsyncClient, store: JobStore) -> None:
    """Long before its time is over, and without asking Redis again and again."""
    job = await submitted(api)
    await tried(store)
    waiting = asyncio.create_task(api.get(f"/v1/jobs/{job['id']}?wait=30", headers=key("editor"), timeout=40))
    await asyncio.sleep(0.05)
    calls = int((await store._redis.info("commandstats"))["cmdstat_get"]["calls"])
    await asyncio.sleep(0.3)
    assert int((await store._redis.info("commandstats"))["cmdstat_get"]["calls"]) == calls
    await deliver(api, job, upstream_id(), event="progress", status="PROCESSING", progress=7)
    async with asyncio.timeout(2):
        assert (await waiting).json()["progress"] == 7


async def test_no_change_between_two_held_answers_is_missed(api: httpx.AsyncClient, store: JobStore) -> None:
    """With If-None-Match, a wait counts from that version."""
    job, up = await submitted(api), upstream_id()
    await tried(store)
    seen = await api.get(f"/v1/jobs/{job['id']}", headers=key("editor"))
    await deliver(api, job, up, event="progress", status="PROCESSING", progress=50)
    headers = {**key("editor"), "If-None-Match": seen.headers["etag"]}
    async with asyncio.timeout(2):
        answer = await api.get(f"/v1/jobs/{job['id']}?wait=60", headers=headers)
    assert answer.json()["progress"] == 50


async def test_until_final_waits_for_the_end(api: httpx.AsyncClient, store: JobStore) -> None:
    """Progress does not end it; a final job answers at once."""
    job, up = await submitted(api), upstream_id()
    await tried(store)
    path = f"/v1/jobs/{job['id']}?wait=30&until=final"
    waiting = asyncio.create_task(api.get(path, headers=key("editor"), timeout=40))
    for progress in (10, 20):
        await deliver(api, job, up, event="progress", status="PROCESSING", progress=progress)
    assert not waiting.done()
    await deliver(api, job, up, event="failed", status="FAILED", error="no")
    async with asyncio.timeout(2):
        assert (await waiting).json()["status"] == "FAILED"
        again = await api.get(path, headers=key("editor"))
    assert again.json()["error"] == {"code": "provider_failed", "message": "no"}


async def test_a_wait_that_sees_nothing_ends_in_time(api: httpx.AsyncClient) -> None:
    """200 with the job as it is; 304 if its version was named."""
    job = await submitted(api)
    path = f"/v1/jobs/{job['id']}?wait=0.2"
    answer = await api.get(path, headers=key("editor"))
    assert answer.status_code == 200
    headers = {**key("editor"), "If-None-Match": answer.headers["etag"]}
    assert (await api.get(path, headers=headers)).status_code == 304


@pytest.mark.parametrize(
    ("query", "field"),
    [("wait=1_0", "wait"), ("wait=%D9%A3", "wait"), ("wait=1e9", "wait"),
     ("wait=61", "wait"), ("wait=-1", "wait"), ("wait=x", "wait"), ("wait=nan", "wait"), ("until=soon", "until"),
     ("wiat=3", "wiat")],
)  # fmt: skip
async def test_a_wrong_query_is_refused_by_name(api: httpx.AsyncClient, query: str, field: str) -> None:
    """422; what we do not know is not ignored."""
    job = await submitted(api)
    answer = await api.get(f"/v1/jobs/{job['id']}?{query}", headers=key("editor"))
    assert_problem(answer, 422, field=field)


# Lists


async def test_the_list_pages_through_everything_once(api: httpx.AsyncClient) -> None:
    """Newest first, by cursor."""
    ids = [(await submitted(api))["id"] for _ in range(7)]
    seen: list[str] = []
    query = "limit=3"
    while True:
        page = (await api.get(f"/v1/jobs?{query}", headers=key("editor"))).json()
        seen += [job["id"] for job in page["jobs"]]
        assert page["hasMore"] is (page["nextCursor"] is not None)
        if not page["hasMore"]:
            break
        query = f"limit=3&cursor={page['nextCursor']}"
    assert seen == ids[::-1]


async def test_the_list_filters_by_status(api: httpx.AsyncClient, store: JobStore) -> None:
    """By several of them, too."""
    first, second = await submitted(api), await submitted(api)
    await tried(store)
    await deliver(api, first, upstream_id(), event="failed", status="FAILED", error="no")
    for query, expected in (
        ("status=FAILED", [first["id"]]),
        ("status=PENDING", [second["id"]]),
        ("status=PENDING&status=FAILED", [second["id"], first["id"]]),
        ("status=COMPLETED", []),
    ):
        page = (await api.get(f"/v1/jobs?{query}", headers=key("editor"))).json()
        assert [job["id"] for job in page["jobs"]] == expected


@pytest.mark.parametrize(
    ("query", "field"),
    [("limit=0", "limit"), ("limit=101", "limit"), ("limit=x", "limit"), ("status=DONE", "status"),
     ("cursor=abc", "cursor"), ("cursor=MTp4", "cursor"), ("colour=red", "colour")],
)  # fmt: skip
async def test_a_wrong_list_query_is_refused_by_name(api: httpx.AsyncClient, query: str, field: str) -> None:
    """422."""
    assert_problem(await api.get(f"/v1/jobs?{query}", headers=key("editor")), 422, field=field)


async def test_events_are_the_history_in_pages(api: httpx.AsyncClient, store: JobStore) -> None:
    """Oldest first, with the job's status and progress after each."""
    job, up = await submitted(api), upstream_id()
    await tried(store)
    for progress in (20, 40, 30, 40):
        await deliver(api, job, up, event="progress", status="PROCESSING", progress=progress)
    path = f"/v1/jobs/{job['id']}/events"
    first = (await api.get(f"{path}?limit=2", headers=key("editor"))).json()
    rest = (await api.get(f"{path}?limit=100&cursor={first['nextCursor']}", headers=key("editor"))).json()
    events = first["events"] + rest["events"]
    assert (len(first["events"]), first["hasMore"], rest["hasMore"], rest["nextCursor"]) == (2, True, False, None)
    assert [event["seq"] for event in events] == [1, 2, 3, 4, 5]
    assert [(event["source"], event["outcome"], event["progress"]) for event in events] == [
        ("api", "applied", 0),
        ("webhook", "applied", 20),
        ("webhook", "applied", 40),
        ("webhook", "stale", 40),
        ("webhook", "duplicate", 40),
    ]


async def test_a_submission_survives_a_queue_that_is_away(redis: Redis, redis_url: str) -> None:
    """arq's message is a hint: without it the sweep finds the job."""
    from tests.door import door, settings_for

    settings = settings_for(redis_url, queue_redis_url="unix:///nonexistent/q.sock")
    async with door(settings) as api:
        job = await submitted(api)
        assert await redis.zscore(name("queue", "editor"), job["id"]) is not None
    assert START


async def test_a_weak_etag_is_as_good(api: httpx.AsyncClient) -> None:
    """A proxy that compresses makes ours weak; and a star does not end a wait."""
    job = await submitted(api)
    path = f"/v1/jobs/{job['id']}"
    etag = (await api.get(path, headers=key("editor"))).headers["etag"]
    for known in (f"W/{etag}", "*"):
        headers = {**key("editor"), "If-None-Match": known}
        started = asyncio.get_running_loop().time()
        assert (await api.get(f"{path}?wait=0.3", headers=headers)).status_code == 304
        assert asyncio.get_running_loop().time() - started > 0.25

"""Apiframe's deliveries, as they arrive over HTTP."""

import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from redis.asyncio import Redis

from service.app import create_app
from service.failures import BURST
from tests.door import UPSTREAM_KEY, assert_problem, door, key, settings_for, signed, submission
from tests.samples import SILENCE, WEBHOOKS, upstream_id
from tests.service.ways import either_way
from tests.serving import serving
from tracker.clock import utc_now
from tracker.settings import Settings
from tracker.store.jobs import JobStore
from tracker.store.keys import name

PAYLOADS = json.loads((Path(__file__).parents[1] / "data" / "webhook-payloads.json").read_text("utf-8"))["webhooks"]
__all__ = ["either_way"]
OTHER_KEY = "afk_test_ffffffffffffffffffffffffffffffff"


@pytest.fixture
async def job(api: httpx.AsyncClient, store: JobStore) -> dict[str, Any]:
    """A job with an attempt under way."""
    answer = await api.post("/v1/jobs", json=submission(), headers=key("editor"))
    await store.work.claim(utc_now(), lease=SILENCE, max_in_flight=9, webhooks=WEBHOOKS)
    taken: dict[str, Any] = answer.json()
    return taken


async def now(api: httpx.AsyncClient, job: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = (await api.get(f"/v1/jobs/{job['id']}", headers=key("editor"))).json()
    return answer


async def metric(api: httpx.AsyncClient, sample: str, **labels: str) -> float:
    families = text_string_to_metric_families((await api.get("/metrics")).text)
    return sum(s.value for f in families for s in f.samples if s.name == sample and labels.items() <= s.labels.items())


async def test_a_signed_delivery_is_in_redis_before_it_is_answered(
    api: httpx.AsyncClient, store: JobStore, job: dict[str, Any]
) -> None:
    """200 with the job and the outcome."""
    up = upstream_id()
    body = {"event": "progress", "jobId": up, "status": "PROCESSING", "progress": 45, "model": "midjourney"}
    answer = await api.post(f"/webhooks/apiframe/{job['id']}", **signed(body))
    assert (answer.status_code, answer.json()) == (200, {"jobId": job["id"], "outcome": "applied"})
    stored = await store.get(job["id"])
    assert stored is not None
    assert (stored.job.status, stored.job.progress, stored.job.upstream_job_id) == ("PROCESSING", 45, up)


async def test_a_delivery_that_comes_before_the_submissions_answer_binds_its_job(
    api: httpx.AsyncClient, job: dict[str, Any]
) -> None:
    """Applied, not lost: the address is ours, and an attempt is on record."""
    up = upstream_id()
    body = {"event": "completed", "jobId": up, "status": "COMPLETED", "result": {"images": ["https://x/1.png"]}}
    answer = await api.post(f"/webhooks/apiframe/{job['id']}", **signed(body))
    assert answer.json() == {"jobId": job["id"], "outcome": "applied"}
    bound = await now(api, job)
    assert (bound["status"], bound["upstreamJobId"], bound["settledBy"]) == ("COMPLETED", up, "webhook")
    assert bound["submittedAt"] is not None


async def test_what_is_told_alike_of_several_jobs_reaches_each(api: httpx.AsyncClient, store: JobStore) -> None:
    """In upstream's own spelling, without blanks, which is known after the first."""
    for _ in range(3):
        answer = await api.post("/v1/jobs", json=submission(), headers=key("editor"))
        job: dict[str, Any] = answer.json()
        await store.work.claim(utc_now(), lease=SILENCE, max_in_flight=9, webhooks=WEBHOOKS)
        up = upstream_id()
        body = b'{"event":"progress","jobId":"%b","status":"PROCESSING","progress":61}' % up.encode()
        for outcome in ("applied", "duplicate"):
            answer = await api.post(f"/webhooks/apiframe/{job['id']}", **signed(body))
            assert answer.json() == {"jobId": job["id"], "outcome": outcome}
        bound = await now(api, job)
        assert (bound["upstreamJobId"], bound["progress"]) == (up, 61)


@pytest.mark.parametrize("raw", [True, False])
async def test_dossier_13_01_both_forms_of_the_secret_are_accepted_and_counted(
    api: httpx.AsyncClient, job: dict[str, Any], raw: bool
) -> None:
    """As 32 raw bytes and as 64 hex characters."""
    body = {"event": "progress", "jobId": upstream_id(), "status": "PROCESSING", "progress": 5}
    assert (await api.post(f"/webhooks/apiframe/{job['id']}", **signed(body, raw=raw))).status_code == 200
    assert await metric(api, "tracker_webhook_signatures_total", form="raw" if raw else "hex", key="current") == 1


async def test_dossier_13_26_a_key_rotated_out_is_still_accepted(redis: Redis, redis_url: str) -> None:
    """As long as it is listed."""
    body = signed({"event": "progress", "jobId": upstream_id(), "status": "PROCESSING"}, OTHER_KEY)
    async with door(settings_for(redis_url)) as api:
        assert (await api.post("/webhooks/apiframe", **body)).status_code == 401
    async with door(settings_for(redis_url, apiframe_previous_api_keys=OTHER_KEY)) as api:
        assert (await api.post("/webhooks/apiframe", **body)).status_code == 200
        assert await metric(api, "tracker_webhook_signatures_total", key="previous-1") == 1


@pytest.mark.parametrize(
    ("header", "cause"),
    [(None, "missing"), ("", "missing"), ("sha256=zz", "malformed"), ("é" * 64, "malformed"), ("0" * 64, "mismatch")],
)
async def test_dossier_13_03_what_is_not_signed_is_refused_and_counted(
    api: httpx.AsyncClient, redis: Redis, header: str | None, cause: str
) -> None:
    """401, and nothing is touched, save for the log of deliveries."""
    body = json.dumps({"event": "completed", "jobId": upstream_id(), "status": "COMPLETED"}).encode()
    headers = {} if header is None else {"X-Webhook-Signature": header.encode("latin-1")}
    answer = await api.post("/webhooks/apiframe", content=body, headers=headers)  # type: ignore[arg-type]
    assert_problem(answer, 401)
    assert await metric(api, "tracker_webhook_refusals_total", cause=cause) == 1
    assert set(await redis.keys("*")) <= {name(one).encode() for one in ("instance", "layout", "refusals")}


async def test_the_signature_covers_the_bytes_as_they_came(api: httpx.AsyncClient) -> None:
    """One space more is another body."""
    delivery = signed({"event": "progress", "jobId": upstream_id(), "status": "PROCESSING"})
    delivery["content"] += b" "
    assert_problem(await api.post("/webhooks/apiframe", **delivery), 401)


async def test_dossier_13_25_a_large_delivery_is_refused(api: httpx.AsyncClient) -> None:
    """413 above 256 KiB, before anything is verified."""
    assert_problem(await api.post("/webhooks/apiframe", **signed(b" " * (256 * 1024 + 1))), 413)
    assert await metric(api, "tracker_webhook_refusals_total", cause="too_large") == 1
    assert (await api.post("/webhooks/apiframe", **signed(b" " * 256 * 1024))).json()["outcome"] == "quarantined"


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff\xfe", b'{"event":"progress"}', b"NaN", b"[" * 100_000])
async def test_a_genuine_delivery_that_cannot_be_read_is_quarantined(
    api: httpx.AsyncClient, redis: Redis, job: dict[str, Any], body: bytes
) -> None:
    """200, never 500: sending it again would not help. It is kept whole."""
    answer = await api.post(f"/webhooks/apiframe/{job['id']}", **signed(body))
    assert (answer.status_code, answer.json()) == (200, {"jobId": job["id"], "outcome": "quarantined"})
    [(_, kept)] = await redis.xrange(name("quarantine"))
    assert kept[b"body"] == body


@pytest.mark.parametrize("odd", [{"event": "exploded"}, {"event": "progress", "status": "MELTING"}, {"event": 7}])
async def test_dossier_13_27_events_and_statuses_that_nobody_knows_are_quarantined(
    api: httpx.AsyncClient, job: dict[str, Any], odd: dict[str, Any]
) -> None:
    """The job stays as it was."""
    answer = await api.post(f"/webhooks/apiframe/{job['id']}", **signed({"jobId": upstream_id(), **odd}))
    assert answer.json()["outcome"] == "quarantined"
    assert (await now(api, job))["status"] == "PENDING"


@pytest.mark.parametrize("payload", PAYLOADS, ids=lambda payload: payload["name"])
async def test_every_recorded_payload_is_answered_with_200(
    api: httpx.AsyncClient, job: dict[str, Any], payload: dict[str, Any]
) -> None:
    """And leads our job where it should; `X-Webhook-Event` is not asked."""
    delivery = signed(payload["body"])
    delivery["headers"]["X-Webhook-Event"] = "progress"
    answer = await api.post(f"/webhooks/apiframe/{job['id']}", **delivery)
    assert (answer.status_code, answer.json()) == (200, {"jobId": job["id"], "outcome": "applied"})
    urls = "http" in json.dumps(payload["body"].get("result")) and "tracks" not in payload["body"]["result"]
    status = "PROCESSING" if payload["event"] == "completed" and not urls else payload["body"]["status"]
    assert (await now(api, job))["status"] == status


async def test_a_second_delivery_of_a_failure_has_no_second_effect(api: httpx.AsyncClient, job: dict[str, Any]) -> None:
    """Reported in production: byte for byte the same, also at the same instant."""
    delivery = signed({"event": "failed", "jobId": upstream_id(), "status": "FAILED", "error": "no"})
    answers = await asyncio.gather(*[api.post(f"/webhooks/apiframe/{job['id']}", **delivery) for _ in range(10)])
    outcomes = sorted(answer.json()["outcome"] for answer in answers)
    assert outcomes == ["applied", *["duplicate"] * 9]


async def test_a_strangers_delivery_is_adopted(api: httpx.AsyncClient) -> None:
    """At the address without a job, and at one of a job that nobody has."""
    for path in ("/webhooks/apiframe", "/webhooks/apiframe/01a20a29-6498-7000-893e-33d42b16a795"):
        up = upstream_id()
        answer = await api.post(path, **signed({"event": "progress", "jobId": up, "status": "PROCESSING"}))
        assert answer.json()["outcome"] == "adopted"
        stranger = (await api.get(f"/v1/jobs/{up}", headers=key("ops"))).json()
        assert (stranger["owner"], stranger["id"]) == ("external", answer.json()["jobId"])
        assert_problem(await api.get(f"/v1/jobs/{up}", headers=key("editor")), 404)


async def test_dossier_13_13_redis_away_is_503_with_retry_after_within_two_seconds() -> None:
    """So that a retry, if upstream makes one, helps. Alive, and not ready."""
    delivery = signed({"event": "progress", "jobId": upstream_id(), "status": "PROCESSING"})
    async with door(settings_for("unix:///nonexistent/r.sock")) as api:
        async with asyncio.timeout(2):
            answer = await api.post("/webhooks/apiframe", **delivery)
        assert_problem(answer, 503)
        assert int(answer.headers["retry-after"]) >= 1
        assert_problem(await api.get("/readyz"), 503)
        assert (await api.get("/healthz")).status_code == 200


async def test_the_acknowledgement_is_measured_and_counted_by_outcome(
    api: httpx.AsyncClient, job: dict[str, Any]
) -> None:
    """For the promise that every answer is fast."""
    await api.post(f"/webhooks/apiframe/{job['id']}", **signed({"event": "progress", "jobId": upstream_id()}))
    assert await metric(api, "tracker_webhook_deliveries_total", outcome="applied") == 1
    assert await metric(api, "tracker_webhook_acknowledgement_seconds_count") == 1
    assert await metric(api, "tracker_jobs", status="PROCESSING") == 1
    assert UPSTREAM_KEY not in (await api.get("/metrics")).text


@pytest.mark.parametrize(
    "moment", ["0001-01-01T00:00:00Z", "1969-07-20T20:17:00Z", "9999-12-31T23:59:59.999Z", "soon", 7]
)
async def test_an_odd_time_of_completion_is_no_reason_to_fail(api: httpx.AsyncClient, moment: object) -> None:
    """The zero of some language; when we learned it, then."""
    body = {"event": "completed", "jobId": upstream_id(), "status": "COMPLETED", "result": "https://x/1.png",
            "completedAt": moment}  # fmt: skip
    answer = await api.post("/webhooks/apiframe", **signed(body))
    assert (answer.status_code, answer.json()["outcome"]) == (200, "adopted")
    job = (await api.get(f"/v1/jobs/{answer.json()['jobId']}", headers=key("ops"))).json()
    assert job["completedAt"].startswith(f"{utc_now():%Y-%m}")


async def test_a_forged_delivery_is_refused_whichever_way_it_takes(api: httpx.AsyncClient) -> None:
    """After a while with the time to wait; listed with its size."""
    forged = signed({"event": "failed", "jobId": upstream_id()}, OTHER_KEY)
    refused = [(await api.post("/webhooks/apiframe", **forged)).status_code for _ in range(BURST + 1)]
    assert refused == [401] * BURST + [429]
    [line, *_] = (await api.get("/v1/deliveries?outcome=mismatch", headers=key("ops"))).json()["deliveries"]
    assert line["bytes"] == len(forged["content"])


async def test_a_proxy_tells_who_has_sent_what_is_forged(redis: Redis, settings: Settings) -> None:
    """One that is trusted: who is slowed down is whoever sent it, and not all who come by the same proxy."""
    forged = signed({"event": "failed", "jobId": upstream_id()}, OTHER_KEY)
    async with serving(create_app(settings)) as url, httpx.AsyncClient(base_url=url, timeout=30) as api:
        for source, burst in (("192.0.2.7", BURST), ("192.0.2.8", 1)):
            forged["headers"]["X-Forwarded-For"] = source
            refused = [(await api.post("/webhooks/apiframe", **forged)).status_code for _ in range(burst)]
            assert refused == [401] * burst
        assert (await api.post("/webhooks/apiframe", **forged)).status_code == 401
        forged["headers"]["X-Forwarded-For"] = "192.0.2.7"
        assert (await api.post("/webhooks/apiframe", **forged)).status_code == 429


async def test_a_slash_at_the_end_is_no_redirect(api: httpx.AsyncClient) -> None:
    """A delivery is not sent again to where a redirect points."""
    delivery = signed({"event": "progress", "jobId": upstream_id()})
    assert_problem(await api.post("/webhooks/apiframe/", **delivery), 404)


async def test_counters_can_be_read_while_redis_is_away() -> None:
    """They tell most just then."""
    async with door(settings_for("unix:///nonexistent/r.sock")) as api:
        await api.post("/webhooks/apiframe", **signed({"event": "progress", "jobId": upstream_id()}))
        assert await metric(api, "tracker_webhook_refusals_total", cause="store_unavailable") == 1


async def test_a_crash_is_the_same_problem_whichever_way_a_delivery_takes(
    api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the request's id, and counted."""
    monkeypatch.setattr("service.webhooks.recall", None)
    sent = signed({"event": "progress", "jobId": upstream_id(), "status": "PROCESSING", "progress": 45})
    assert_problem(await api.post("/webhooks/apiframe", **sent), 500)
    assert await metric(api, "tracker_http_requests_total", route="/webhooks/apiframe", status="500") == 1

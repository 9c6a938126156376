"""From a caller's request through queue, submission and webhooks to the end, in two processes and one trace."""

import asyncio
from pathlib import Path

import pytest
from inpaint_tracker_client.queue import Queue

from tests.door import KEYS, UPSTREAM_KEY, mask_png
from tests.tracing.collector import Collector, Seen, collecting
from tests.tracing.running import SECONDS, SPAN_ID, TRACE_ID, TRACEPARENT, Running, running, traced

pytestmark = pytest.mark.usefixtures("redis")
POST, TAKE, ACTION = "POST /v1/jobs", "take inpaint", "POST /v2/images/midjourney/action"
WEBHOOK, LOOKUP = "POST /webhooks/apiframe/{job_id}", "GET /v2/jobs/{id}"
SERVICE, WORKER = "inpaint-tracker-service", "inpaint-tracker-worker"
UNSAMPLED = TRACEPARENT[:-1] + "0"


async def ended(here: Running, headers: dict[str, str], status: str = "COMPLETED") -> str:
    """The id of a job that was followed to its end, as were its processes."""
    job = await here.submit(headers, prompt="a secret prompt")
    assert (await here.end_of(job))["status"] == status
    await here.stop()
    return str(job["id"])


def whole(collector: Collector, first: Seen, job_id: str) -> None:
    """All that a job has behind it, beneath the span that took it in."""
    submit, call, wait = collector.only("submit"), collector.only(ACTION), collector.only("wait")
    life, webhooks = collector.only("job"), collector.named(WEBHOOK)
    assert {span.trace_id for span in collector.spans} == {first.trace_id}
    assert (submit.parent_id, submit.process, submit.kind) == (first.span_id, WORKER, "consumer")
    assert (call.parent_id, call.process, call.kind) == (submit.span_id, WORKER, "client")
    assert (wait.parent_id, wait.process, wait.kind) == (first.span_id, WORKER, "internal")
    assert {(one.parent_id, one.process, one.kind) for one in webhooks} == {(first.span_id, SERVICE, "server")}
    assert (life.parent_id, life.process, life.kind) == (first.span_id, SERVICE, "internal")
    assert submit.start <= call.start <= call.end <= submit.end
    assert all(life.start <= one.start <= one.end <= life.end for one in (wait, submit, *webhooks))
    assert {one.told["inpaint.job.id"] for one in collector.spans} == {job_id}
    statuses = [one.told["inpaint.job.status"] for one in sorted(webhooks, key=lambda one: one.end)]
    assert (statuses[0], statuses[-1], life.told["inpaint.job.status"]) == ("PROCESSING", "COMPLETED", "COMPLETED")
    assert not any(one.failed for one in collector.spans)


@pytest.mark.parametrize("level", ["info", "warning"])
async def test_a_job_belongs_to_its_callers_trace(redis_url: str, tmp_path: Path, level: str) -> None:
    """Also where the log has no line for each webhook. Nothing secret is in any span."""
    with collecting() as collector:
        env = traced(collector)
        async with asyncio.timeout(SECONDS), running(redis_url, tmp_path, env, service={"LOG_LEVEL": level}) as here:
            job_id = await ended(here, {"traceparent": TRACEPARENT})
    post = collector.only(POST)
    assert (post.trace_id, post.parent_id, post.process, post.kind) == (TRACE_ID, SPAN_ID, SERVICE, "server")
    assert post.told["http.response.status_code"] == 202
    whole(collector, post, job_id)
    for secret in (UPSTREAM_KEY, KEYS["editor"][0], "a secret prompt", "sha256="):
        assert secret not in repr(collector.spans)


async def test_a_job_of_nobodys_trace_begins_one(redis_url: str, tmp_path: Path) -> None:
    """A `traceparent` that is none is no reason to do otherwise. What is sent has the headers that were asked for."""
    with collecting() as collector:
        env = traced(collector, OTEL_EXPORTER_OTLP_HEADERS="x-tenant=ours", OTEL_EXPORTER_OTLP_COMPRESSION="gzip")
        async with asyncio.timeout(SECONDS), running(redis_url, tmp_path, env) as here:
            job_id = await ended(here, {"traceparent": TRACEPARENT.upper()})
    post = collector.only(POST)
    assert (post.parent_id, post.trace_id != TRACE_ID) == ("", True)
    whole(collector, post, job_id)
    assert {(path, headers["x-tenant"]) for path, headers in collector.requests} == {("/v1/traces", "ours")}


@pytest.mark.parametrize(
    ("traceparent", "sampler"), [(UNSAMPLED, "parentbased_always_on"), ("", "parentbased_always_off")]
)
async def test_what_is_not_sampled_leaves_no_span(
    redis_url: str, tmp_path: Path, traceparent: str, sampler: str
) -> None:
    """As the caller says, else the sampler."""
    with collecting() as collector:
        env = traced(collector, OTEL_TRACES_SAMPLER=sampler)
        async with asyncio.timeout(SECONDS), running(redis_url, tmp_path, env) as here:
            job_id = await ended(here, {"traceparent": traceparent} if traceparent else {})
    assert collector.spans == []
    traces = {line.get("trace_id") for line in here.lines_about(job_id)}
    assert traces == {TRACE_ID if traceparent else None}


async def test_a_service_without_traces_passes_the_callers_on(redis_url: str, tmp_path: Path) -> None:
    """The worker's spans are then the caller's children."""
    with collecting() as collector:
        off = {"OTEL_SDK_DISABLED": "true"}
        async with asyncio.timeout(SECONDS), running(redis_url, tmp_path, traced(collector), service=off) as here:
            await ended(here, {"traceparent": TRACEPARENT})
    assert {(span.process, span.trace_id) for span in collector.spans} == {(WORKER, TRACE_ID)}
    assert collector.only("submit").parent_id == collector.only("wait").parent_id == SPAN_ID


async def test_a_job_that_came_by_the_queue_is_one_trace(redis_url: str, tmp_path: Path) -> None:
    """Of the backend that put it there."""
    with collecting() as collector:
        async with asyncio.timeout(SECONDS), running(redis_url, tmp_path, traced(collector)) as here:
            async with Queue(redis_url, owner="editor") as queue:
                queued = await queue.submit(
                    here.town.parent_id, mask_png(), traceparent=TRACEPARENT, request_id="order-8821"
                )
                assert (await queued.result()).status == "PENDING"
            assert (await here.end_of({"id": queued.id}))["status"] == "COMPLETED"
            await here.stop()
    take = collector.only(TAKE)
    assert (take.trace_id, take.parent_id, take.process, take.kind) == (TRACE_ID, SPAN_ID, WORKER, "consumer")
    whole(collector, take, queued.id)
    lines = here.lines_about(queued.id)
    assert {line["event"] for line in lines} >= {"job taken", "submitted", "webhook"}
    assert {(line["job_id"], line["origin"], line["trace_id"]) for line in lines} == {
        (queued.id, "order-8821", TRACE_ID)
    }


async def test_a_job_that_is_polled_is_one_trace(redis_url: str, tmp_path: Path) -> None:
    """Each lookup has a span, and the worker tells of the end."""
    with collecting() as collector:
        async with asyncio.timeout(SECONDS), running(redis_url, tmp_path, traced(collector), webhooks=False) as here:
            await ended(here, {"traceparent": TRACEPARENT})
    life, lookup = collector.only("job"), collector.named(LOOKUP)[-1]
    assert (life.process, life.told["inpaint.job.status"]) == (WORKER, "COMPLETED")
    assert {lookup.parent_id, life.parent_id} == {collector.only(POST).span_id}
    assert (lookup.kind, lookup.told["inpaint.result"]) == ("client", "Report")


async def test_what_fails_is_marked(redis_url: str, tmp_path: Path) -> None:
    """The call that was refused, and the job. What a caller got wrong is no failure of ours."""
    with collecting() as collector:
        async with asyncio.timeout(SECONDS), running(redis_url, tmp_path, traced(collector)) as here:
            wrong = await here.api.post("/v1/jobs", json={"mask": "x"}, headers={"traceparent": TRACEPARENT})
            assert wrong.status_code == 422
            nowhere = "c3d4e5f6-a7b8-4012-8def-345678901234"
            job = await here.submit({"traceparent": TRACEPARENT}, parentJobId=nowhere)
            assert (await here.end_of(job))["status"] == "FAILED"
            await here.stop()
    refused, taken = sorted(collector.named(POST), key=lambda one: one.start)
    assert [one.told["http.response.status_code"] for one in (refused, taken)] == [422, 202]
    assert not refused.failed
    call, life = collector.only(ACTION), collector.only("job")
    assert (call.failed, call.told["error.type"], life.failed) == (True, "Rejected", True)
    assert life.told["inpaint.job.status"] == "FAILED"

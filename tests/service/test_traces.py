"""A delivery has its span, and its lines have the job's names, whichever way it takes through the service."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.door import key, signed, submission
from tests.samples import SILENCE, WEBHOOKS, upstream_id
from tests.service.ways import either_way
from tests.tracing.collector import Collector, collecting
from tests.tracing.running import SPAN_ID, TRACE_ID, TRACEPARENT, traced
from tracker import logs
from tracker.clock import utc_now
from tracker.store.jobs import JobStore

__all__ = ["either_way"]
WEBHOOK = "POST /webhooks/apiframe/{job_id}"
HEADERS = {"traceparent": TRACEPARENT, "X-Request-ID": "order-8821"}
NEWS: list[dict[str, Any]] = [
    {"status": "PROCESSING", "progress": 45},
    {"status": "PROCESSING", "progress": 45},
    {"status": "COMPLETED"},
]


@pytest.fixture(autouse=True)
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """Told by the environment before there is a service."""
    with collecting() as collector:
        for name, value in traced(collector).items():
            monkeypatch.setenv(name, value)
        yield collector


async def job_of(api: httpx.AsyncClient, store: JobStore, headers: dict[str, str]) -> dict[str, Any]:
    """One with an attempt under way."""
    answer = await api.post("/v1/jobs", json=submission(), headers={**key("editor"), **headers})
    assert (await store.work.claim(utc_now(), lease=SILENCE, max_in_flight=9, webhooks=WEBHOOKS)).job_id
    taken: dict[str, Any] = answer.json()
    return taken


async def deliver(api: httpx.AsyncClient, path: str, up: str, **news: Any) -> str:
    event = "completed" if news["status"] == "COMPLETED" else "progress"
    body = {"event": event, "jobId": up, "result": {"images": ["https://cdn.apiframe.ai/1.png"]}, **news}
    answer = await api.post(path, **signed(body))
    assert answer.status_code == 200, answer.text
    return str(answer.json()["outcome"])


@pytest.mark.parametrize("addressed", [True, False])
async def test_each_delivery_is_a_span_of_its_job(
    api: httpx.AsyncClient, store: JobStore, collector: Collector, addressed: bool
) -> None:
    """With what became of it; the last brings the end. Of a job that nobody traces there is none."""
    job, up = await job_of(api, store, HEADERS), upstream_id()
    await deliver(api, f"/webhooks/apiframe/{job['id']}", up, status="QUEUED")
    path = f"/webhooks/apiframe/{job['id']}" if addressed else "/webhooks/apiframe"
    outcomes = [await deliver(api, path, up, **news) for news in NEWS]
    stranger = await deliver(api, "/webhooks/apiframe", upstream_id(), status="PROCESSING", progress=5)
    assert (outcomes, stranger) == (["applied", "duplicate", "applied"], "adopted")
    async with asyncio.timeout(10):
        await collector.until("job")
        await collector.until(WEBHOOK, 4)
    post, spans = collector.only("POST /v1/jobs"), sorted(collector.named(WEBHOOK), key=lambda one: one.end)
    assert (post.trace_id, post.parent_id) == (TRACE_ID, SPAN_ID)
    assert {(one.trace_id, one.parent_id) for one in spans} == {(TRACE_ID, post.span_id)}
    assert [one.told["inpaint.outcome"] for one in spans][1:] == outcomes
    assert {one.told["inpaint.job.id"] for one in spans} == {job["id"]}
    assert collector.only("job").told["inpaint.job.status"] == "COMPLETED"
    assert {span.trace_id for span in collector.spans} == {TRACE_ID}


async def test_the_lines_of_each_request_name_its_job(
    api: httpx.AsyncClient, store: JobStore, capsys: pytest.CaptureFixture[str]
) -> None:
    """A delivery to its address and to nobody's, a look, one that has not changed, and the job's history."""
    logs.configure("info", "json")
    job, up = await job_of(api, store, HEADERS), upstream_id()
    await deliver(api, f"/webhooks/apiframe/{job['id']}", up, **NEWS[0])
    await deliver(api, "/webhooks/apiframe", up, **NEWS[2])
    look = await api.get(f"/v1/jobs/{job['id']}", headers=key("editor"))
    await api.get(f"/v1/jobs/{job['id']}", headers={**key("editor"), "If-None-Match": look.headers["etag"]})
    await api.get(f"/v1/jobs/{job['id']}/events", headers=key("editor"))
    await api.get("/v1/jobs", headers=key("editor"))
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines() if line.startswith("{")]
    *about, listed = [line for line in lines if line["event"] == "request"]
    names = {"job_id": job["id"], "origin": "order-8821", "trace_id": TRACE_ID}
    assert [{name: line.get(name) for name in names} for line in about] == [names] * 6
    assert len({line["request_id"] for line in about}) == 6
    assert names.keys().isdisjoint(listed)
    for line in lines:
        if line["event"] == "webhook":
            assert names.items() <= line.items()

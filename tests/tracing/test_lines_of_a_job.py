"""One id leads through the logs: that of the request which made the job, from the API through worker to webhook."""

import asyncio
import base64
import hashlib
import re
from pathlib import Path

import pytest

from tests.door import KEYS, UPSTREAM_KEY, mask_png, signed
from tests.processes import log_lines
from tests.tracing.running import SECONDS, TRACE_ID, TRACEPARENT, running

pytestmark = pytest.mark.usefixtures("redis")
PROMPT = "a prompt that nobody is to read"


@pytest.mark.parametrize("traceparent", [TRACEPARENT, ""], ids=["traced", "not traced"])
async def test_every_line_about_a_job_leads_to_its_request(redis_url: str, tmp_path: Path, traceparent: str) -> None:
    """By `origin`, and by `trace_id` where there is one. A request's own id is in its lines as well."""
    headers = {"X-Request-ID": "order-8821", **({"traceparent": traceparent} if traceparent else {})}
    async with asyncio.timeout(SECONDS), running(redis_url, tmp_path, {"LOG_LEVEL": "debug"}) as here:
        other = await here.submit({"X-Request-ID": "another"})
        job = await here.submit({**headers, "Idempotency-Key": "8821"}, prompt=PROMPT)
        final = await here.end_of(job)
        again = await here.submit({"X-Request-ID": "again", "Idempotency-Key": "8821"}, prompt=PROMPT)
        assert (again["id"], final["status"]) == (job["id"], "COMPLETED")
        await here.api.get(f"/v1/jobs/{job['upstreamJobId'] or final['upstreamJobId']}")
        await here.api.post(f"/v1/jobs/{job['id']}/cancel")
        late = signed({"event": "failed", "jobId": final["upstreamJobId"], "status": "FAILED", "error": {}})
        for address in (f"/webhooks/apiframe/{job['id']}", "/webhooks/apiframe"):
            assert (await here.api.post(address, **late)).status_code == 200
        assert (await here.end_of(other))["status"] == "COMPLETED"
        await here.stop()
    lines = here.lines_about(job["id"])
    events = {line["event"] for line in lines}
    assert events >= {"job taken", "submitted", "webhook", "request"}, events
    expected = {"job_id": job["id"], "origin": "order-8821", "trace_id": TRACE_ID if traceparent else None}
    for line in lines:
        assert {name: line.get(name) for name in expected} == expected, line
    assert {line["origin"] for line in here.lines_about(other["id"])} == {"another"}
    requests = [line for line in lines if line["event"] == "request"]
    assert {line["request_id"] for line in requests} >= {"order-8821", "again"}
    assert all(line["request_id"] for line in lines if line["event"] in ("request", "webhook", "job taken"))
    assert {line["path"] for line in requests} >= {"/v1/jobs", f"/v1/jobs/{job['id']}", "/webhooks/apiframe"}


async def test_no_secret_mask_prompt_or_signature_is_in_any_line(redis_url: str, tmp_path: Path) -> None:
    """At the lowest level, from the request to the last webhook, of either process."""
    async with asyncio.timeout(SECONDS), running(redis_url, tmp_path, {"LOG_LEVEL": "debug"}) as here:
        job = await here.submit({"X-Request-ID": "order-8821", "traceparent": TRACEPARENT}, prompt=PROMPT)
        assert (await here.end_of(job))["status"] == "COMPLETED"
        await here.stop()
    mask = base64.b64encode(mask_png()).decode()
    digest = hashlib.sha256(UPSTREAM_KEY.encode()).hexdigest()
    for process in (here.service, here.worker):
        written = process.output()
        assert len(log_lines(process)) == len(written.splitlines()) > 0
        for secret in (UPSTREAM_KEY, digest, KEYS["editor"][0], PROMPT, mask[:40], "sha256="):
            assert secret not in written
        assert not re.search(r"[0-9a-f]{64}", written)

"""Spans are sent in the background: whatever becomes of them, no answer, no delivery and no stop waits for it."""

import asyncio
import time
from pathlib import Path

import pytest

from tests.processes import log_lines
from tests.tracing.collector import Collector, collecting
from tests.tracing.running import SECONDS, TRACEPARENT, Running, running, traced

pytestmark = pytest.mark.usefixtures("redis")
HEADERS = {"traceparent": TRACEPARENT}
STOP_SECONDS = 8.0


async def three_jobs(here: Running) -> float:
    """Seconds until the last was taken; all are followed to their end."""
    began = time.monotonic()
    jobs = [await here.submit(HEADERS) for _ in range(3)]
    taken = time.monotonic() - began
    for job in jobs:
        assert (await here.end_of(job))["status"] == "COMPLETED"
    return taken


async def stopped(here: Running) -> None:
    async with asyncio.timeout(STOP_SECONDS):
        assert await here.service.stop() == 0
    async with asyncio.timeout(STOP_SECONDS):
        assert await here.worker.stop() == 0


async def test_a_collector_that_is_silent_holds_nobody_up(redis_url: str, tmp_path: Path) -> None:
    """It takes what it is sent and never answers: jobs are taken and end, and the processes stop in time."""
    with collecting() as collector:
        collector.silent.set()
        async with asyncio.timeout(SECONDS), running(redis_url, tmp_path, traced(collector)) as here:
            assert await three_jobs(here) < 2
            assert collector.requests
            await stopped(here)


@pytest.mark.parametrize("why", ["away", "refuses"])
async def test_what_cannot_be_sent_is_told_once_in_a_while(redis_url: str, tmp_path: Path, why: str) -> None:
    """However many times it fails; without the collector's address or the headers that it is sent."""
    with collecting() as collector:
        collector.answer = 400
        secret = {"OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20very-secret", "OTEL_EXPORTER_OTLP_TIMEOUT": "1"}
        env = traced(collector if why == "refuses" else Collector("http://127.0.0.1:9"), **secret)
        async with asyncio.timeout(SECONDS), running(redis_url, tmp_path, {"LOG_LEVEL": "debug", **env}) as here:
            for _ in range(2):
                await three_jobs(here)
                await here.service.until_logged("traces cannot be sent")
            await here.worker.until_logged("traces cannot be sent")
            await stopped(here)
    for process in (here.service, here.worker):
        said = [line for line in log_lines(process) if line["event"] == "traces cannot be sent"]
        assert len(said) == 1, said
        assert said[0]["spans"] > 0
        assert len(log_lines(process)) == len(process.output().splitlines())
        assert "very-secret" not in process.output()
        assert "Traceback" not in process.output()


async def test_what_is_not_sent_yet_is_sent_at_the_stop(redis_url: str, tmp_path: Path) -> None:
    """Though the next time to send would have been much later."""
    with collecting() as collector:
        env = traced(collector, OTEL_BSP_SCHEDULE_DELAY="60000")
        async with asyncio.timeout(SECONDS), running(redis_url, tmp_path, env) as here:
            await three_jobs(here)
            assert not collector.spans
            await stopped(here)
    assert {span.name for span in collector.spans} >= {"POST /v1/jobs", "wait", "submit", "job"}
    assert len(collector.named("job")) == 3

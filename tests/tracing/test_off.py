"""Traces are off unless OpenTelemetry's own variables ask for them, and then nothing of it is even imported."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.tracing.collector import collecting
from tests.tracing.running import SECONDS, TRACE_ID, TRACEPARENT, running, traced
from tracker import logs
from tracker.telemetry import begin
from tracker.tracing import OFF

LISTED = "PYTHONPROFILEIMPORTTIME"
"""Makes Python tell each module that it imports."""
ON = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}


@pytest.mark.usefixtures("redis")
async def test_nothing_of_it_is_imported(redis_url: str, tmp_path: Path) -> None:
    """By a service and a worker that see a job through. The caller's trace is in their lines all the same."""
    async with asyncio.timeout(SECONDS), running(redis_url, tmp_path, {LISTED: "1"}) as here:
        job = await here.submit({"traceparent": TRACEPARENT})
        assert (await here.end_of(job))["status"] == "COMPLETED"
        await here.stop()
    for process in (here.service, here.worker):
        assert "import time:" in process.output()
        for name in ("opentelemetry", "google.protobuf", "requests"):
            assert f"| {name}" not in process.output().replace("|   ", "| ")
    assert {line["trace_id"] for line in here.lines_about(job["id"])} == {TRACE_ID}


@pytest.mark.usefixtures("redis")
async def test_all_of_it_is_imported_where_it_is_on(redis_url: str, tmp_path: Path) -> None:
    """So the test above would see it."""
    with collecting() as collector:
        async with asyncio.timeout(SECONDS), running(redis_url, tmp_path, traced(collector, **{LISTED: "1"})) as here:
            await here.stop()
    for process in (here.service, here.worker):
        assert "opentelemetry.sdk.trace" in process.output()


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": " "},
        {"OTEL_SERVICE_NAME": "ours", "OTEL_TRACES_SAMPLER": "always_on"},
        {**ON, "OTEL_SDK_DISABLED": "true"},
        {**ON, "OTEL_SDK_DISABLED": "TRUE"},
        {**ON, "OTEL_TRACES_EXPORTER": "none"},
    ],
)
def test_who_does_not_ask_gets_none(environ: Mapping[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """And no word about it."""
    logs.configure("info", "json")
    assert begin("service", environ) is OFF
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "environ",
    [
        ON,
        {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:9/v1/traces"},
        {"OTEL_TRACES_EXPORTER": "otlp"},
        {"OTEL_TRACES_EXPORTER": "console, otlp"},
        {**ON, "OTEL_SDK_DISABLED": "false", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"},
    ],
)
def test_who_asks_gets_them(environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """By any of the variables that say so."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    tracing = begin("service", environ)
    assert tracing.on
    tracing.close()


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER"),
        ({**ON, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "OTEL_EXPORTER_OTLP_PROTOCOL"),
        ({**ON, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc"}, "OTEL_EXPORTER_OTLP_PROTOCOL"),
        ({**ON, "OTEL_BSP_MAX_QUEUE_SIZE": "-1"}, "max_queue_size"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_line(
    environ: Mapping[str, str], named: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And nothing else is the worse for it."""
    logs.configure("info", "json")
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert begin("service", environ) is OFF
    line = json.loads(capsys.readouterr().err)
    assert line["event"] == "nothing is traced"
    assert named in line["reason"]

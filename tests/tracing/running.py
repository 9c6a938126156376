"""Service and worker as processes of their own, with a sandbox beside them, and what their logs say."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.door import key, submission
from tests.processes import Process, environment, free_port, log_lines, started, until_ready
from tests.town import Town, town
from tests.tracing.collector import Collector

SECONDS = 60
TRACE_ID, SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE_ID}-{SPAN_ID}-01"


def traced(collector: Collector, **more: str) -> dict[str, str]:
    """What switches traces on, with little to wait for."""
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "50", **more}


@dataclass
class Running:
    service: Process
    worker: Process
    api: httpx.AsyncClient
    town: Town

    async def submit(self, headers: dict[str, str], **fields: Any) -> dict[str, Any]:
        body = submission(**{"parentJobId": self.town.parent_id, **fields})
        answer = await self.api.post("/v1/jobs", json=body, headers=headers)
        assert answer.status_code == 202, answer.text
        job: dict[str, Any] = answer.json()
        return job

    async def end_of(self, job: dict[str, Any]) -> dict[str, Any]:
        final: dict[str, Any] = (await self.api.get(f"/v1/jobs/{job['id']}?wait=30&until=final")).json()
        return final

    async def stop(self) -> None:
        assert await self.service.stop() == 0
        assert await self.worker.stop() == 0

    def lines_about(self, job_id: str) -> list[dict[str, Any]]:
        """Of both; a line is about a job where anything in it is the job's id."""
        lines = [*log_lines(self.service), *log_lines(self.worker)]
        return [line for line in lines if job_id in json.dumps(line)]


@asynccontextmanager
async def running(
    redis_url: str,
    folder: Path,
    env: Mapping[str, str] | None = None,
    *,
    service: Mapping[str, str] | None = None,
    webhooks: bool = True,
) -> AsyncIterator[Running]:
    """`env` is for both, `service` for that process alone."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    async with town(redis_url, worker=False, sandbox={"run_seconds": 1}) as here:
        public = {"PUBLIC_URL": url} if webhooks else {}
        settings = environment(redis_url, APIFRAME_BASE_URL=here.settings.apiframe_base_url, **public, **(env or {}))
        async with (
            started(
                ["cli", "serve", "--port", str(port)], {**settings, **(service or {})}, folder / "service.log"
            ) as serving,
            started(["cli", "worker"], settings, folder / "worker.log") as working,
            httpx.AsyncClient(base_url=url, headers=key("editor"), timeout=SECONDS) as api,
        ):
            await until_ready(url, serving)
            await working.until_logged("worker started")
            yield Running(serving, working, api, here)

"""Sandbox, service and worker together: real HTTP between them, a real Redis beneath, all in one event loop."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx

from sandbox.mischief import Mischief
from sandbox.serve import running
from sandbox.settings import SandboxSettings
from service.app import create_app
from tests.door import UPSTREAM_KEY, key, settings_for, submission
from tests.serving import serving
from tracker.apiframe.client import ApiframeClient
from tracker.clock import utc_now
from tracker.settings import Settings
from tracker.store.connection import connect
from tracker.store.feed import Feed
from tracker.store.gate import Gate
from tracker.store.jobs import JobStore
from workers.reconcile import Reconciler
from workers.submit import Submitter
from workers.tools import Tools

SIZE = 64


@dataclass
class Service:
    """Ours, at one address, however often it is stopped and started."""

    settings: Settings
    address: tuple[str, int]
    _running: AsyncExitStack = field(default_factory=AsyncExitStack)

    async def start(self, listener: socket.socket | None = None) -> None:
        listener = listener or socket.create_server(self.address)
        await self._running.enter_async_context(serving(create_app(self.settings), listener))

    async def stop(self) -> None:
        await self._running.aclose()


@dataclass
class Town:
    """`api` speaks to the service, `sandbox` to the stand-in for Apiframe."""

    settings: Settings
    service: Service
    tools: Tools
    api: httpx.AsyncClient
    sandbox: httpx.AsyncClient
    parent_id: str

    async def submit(self, **fields: Any) -> dict[str, Any]:
        body = submission(**{"parentJobId": self.parent_id, **fields})
        answer = await self.api.post("/v1/jobs", json=body, headers=key("editor"))
        assert answer.status_code == 202, answer.text
        job: dict[str, Any] = answer.json()
        return job

    async def get(self, job: dict[str, Any], query: str = "") -> dict[str, Any]:
        answer = await self.api.get(f"/v1/jobs/{job['id']}{query}", headers=key("editor"), timeout=70)
        found: dict[str, Any] = answer.json()
        return found

    async def end_of(self, job: dict[str, Any]) -> dict[str, Any]:
        """The job in its final state; fails the test if that takes a minute."""
        final = await self.get(job, "?wait=60&until=final")
        assert final["status"] in ("COMPLETED", "FAILED", "CANCELLED"), final
        return final

    async def until(self, job: dict[str, Any], status: str) -> dict[str, Any]:
        """The job as soon as it has a status, woken by its changes."""
        answer = await self.api.get(f"/v1/jobs/{job['id']}", headers=key("editor"))
        while answer.json()["status"] != status:
            headers = {**key("editor"), "If-None-Match": answer.headers["etag"]}
            answer = await self.api.get(f"/v1/jobs/{job['id']}?wait=20", headers=headers, timeout=30)
            assert answer.status_code == 200, f"never {status}"
        found: dict[str, Any] = answer.json()
        return found

    async def outcomes(self, job: dict[str, Any]) -> list[tuple[str, str]]:
        """`(type, outcome)` of each line of the history."""
        events = (await self.api.get(f"/v1/jobs/{job['id']}/events?limit=100", headers=key("editor"))).json()["events"]
        return [(event["type"], event["outcome"]) for event in events]

    async def mischief(self, **switches: Any) -> None:
        (await self.sandbox.put("/sandbox/mischief", json=switches)).raise_for_status()

    async def charges(self) -> list[int]:
        entries = (await self.sandbox.get("/sandbox/ledger")).json()["entries"]
        return [-entry["change"] for entry in entries if entry["reason"] == "charge"]

    async def attempts(self) -> list[dict[str, Any]]:
        """Submissions that reached the sandbox, from its log."""
        log = (await self.sandbox.get("/sandbox/log")).json()
        return [line for line in log["entries"] if line.get("path") == "/v2/images/midjourney/action"]


@asynccontextmanager
async def town(
    redis_url: str, *, webhooks: bool = True, worker: bool = True, mischief: dict[str, Any] | None = None,
    sandbox: dict[str, Any] | None = None, **overrides: Any,
) -> AsyncIterator[Town]:  # fmt: skip
    """Jobs take moments. Without `webhooks` there is no PUBLIC_URL; without `worker` nobody submits or looks up."""
    async with AsyncExitStack() as stack:
        upstream = await stack.enter_async_context(running(_sandbox_settings(mischief or {}, sandbox or {})))
        listener = socket.create_server(("127.0.0.1", 0))
        public_url = "http://{}:{}".format(*listener.getsockname())
        here = {"apiframe_base_url": upstream, "public_url": public_url if webhooks else None}
        settings = settings_for(redis_url, **here, **{"poll_after_seconds": 1, **overrides})
        service = Service(settings, listener.getsockname())
        stack.push_async_callback(service.stop)
        await service.start(listener)
        tools = await _tools(stack, settings)
        if worker:
            await start_worker(stack, tools)
        api = await stack.enter_async_context(httpx.AsyncClient(base_url=public_url, timeout=30))
        stand_in = await stack.enter_async_context(httpx.AsyncClient(base_url=upstream, timeout=30))
        parent = (await stand_in.post("/sandbox/jobs", json={"width": SIZE, "height": SIZE})).json()["jobId"]
        yield Town(settings, service, tools, api, stand_in, parent)


async def start_worker(stack: AsyncExitStack, tools: Tools) -> Submitter:
    """The worker's loops, until the stack is closed."""
    submitter, redis = Submitter(tools), connect(tools.settings.redis_url.get_secret_value(), reply_within=None)
    stack.push_async_callback(redis.aclose)
    feed = Feed(redis)
    feed.listen(lambda _: submitter.wake())
    for loop in (submitter.run(), Reconciler(tools).run(), feed.run()):
        _stop_with(stack, asyncio.create_task(loop))
    return submitter


async def _tools(stack: AsyncExitStack, settings: Settings) -> Tools:
    redis = connect(settings.redis_url.get_secret_value(), reply_within=10)
    stack.push_async_callback(redis.aclose)
    client = await stack.enter_async_context(ApiframeClient(settings))
    store = JobStore(redis, retention=timedelta(days=30), submit_within=timedelta(days=1))
    stack.push_async_callback(store.aclose)
    return Tools(settings, utc_now, store, Gate(redis), client)


def _sandbox_settings(mischief: dict[str, Any], overrides: dict[str, Any]) -> SandboxSettings:
    quick = {
        "queue_seconds": 0.02,
        "run_seconds": 0.2,
        "progress_step": 25,
        "credits": 1_000,
        "max_concurrent_jobs": 50,
    }
    return SandboxSettings(mischief=Mischief(**mischief), **{**quick, "api_keys": (UPSTREAM_KEY,), **overrides})


def _stop_with(stack: AsyncExitStack, task: "asyncio.Task[None]") -> None:
    async def stop() -> None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    stack.push_async_callback(stop)

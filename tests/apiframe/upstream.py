"""Our client against an address, and upstreams that do what the sandbox never would."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from sandbox.serve import running
from sandbox.settings import SandboxSettings
from tests.sandbox import actors
from tracker.apiframe.client import ApiframeClient
from tracker.apiframe.protocol import SubmissionResult
from tracker.settings import Settings

KEY = "afk_test_client"
OUR_ID = "0198f0a0-0000-7000-8000-000000000001"
MASK = base64.b64decode(actors.mask())
"""As large as the sandbox's seeds are: 64x64."""


def client_of(base_url: str, **settings: Any) -> ApiframeClient:
    given = {"apiframe_api_key": KEY, "apiframe_timeout_seconds": 10, **settings}
    return ApiframeClient(Settings(redis_url="unix:///none", apiframe_base_url=base_url, _env_file=None, **given))


@asynccontextmanager
async def sandboxed(**settings: Any) -> AsyncIterator[actors.Caller]:
    """A sandbox with tiny timings, and who looks behind its scenes: seeds parents, makes mischief, reads the log."""
    quick = {"queue_seconds": 0, "run_seconds": 0.01, "progress_step": 50}
    async with (
        running(SandboxSettings(**{"api_keys": (KEY,), "credits": 100, **quick, **settings})) as url,
        httpx.AsyncClient(base_url=url, headers={"X-API-Key": KEY}, trust_env=False, timeout=20) as http,
    ):
        yield actors.Caller(http)


async def charges(sandbox: actors.Caller) -> list[str]:
    """The upstream jobs that were paid for."""
    entries = (await sandbox.ledger())["entries"]
    return [entry["jobId"] for entry in entries if entry["reason"] == "charge"]


async def submit(client: ApiframeClient, parent: str, **changes: Any) -> SubmissionResult:
    given = {"job_id": OUR_ID, "mask": MASK, "prompt": "a red balloon", "webhook_url": None, **changes}
    return await client.inpaint(parent_job_id=parent, **given)


@dataclass
class Recorder:
    """An ASGI app with one answer for everything; keeps what it was asked, and from which ports."""

    answer: Response
    requests: list[tuple[str, httpx.Headers, bytes]] = field(default_factory=list)
    ports: set[int] = field(default_factory=set)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        line = f"{request.method} {request.url.path}"
        self.requests.append((line, httpx.Headers(request.headers.raw), await request.body()))
        self.ports.add(scope["client"][1])
        await self.answer(scope, receive, send)


@asynccontextmanager
async def bytes_server(answer: bytes) -> AsyncIterator[str]:
    """Answers the start of every request with these bytes, whatever they are, and hangs up."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

"""A sandbox with tiny timings, a client for it and a receiver of its webhooks, all over real HTTP."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx
import pytest

from sandbox.serve import running, serving
from sandbox.settings import SandboxSettings
from tests.sandbox.actors import KEY, Caller, Clock, Inbox

Open = Callable[..., AbstractAsyncContextManager[Caller]]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def opened(clock: Clock) -> Open:
    """Opens a sandbox with the given settings, and calls it."""

    @asynccontextmanager
    async def opened(**settings: Any) -> AsyncIterator[Caller]:
        quick = {"queue_seconds": 0, "run_seconds": 0.01, "progress_step": 25, "webhook_retry_seconds": 0.01}
        wanted = SandboxSettings(**{**quick, "api_keys": (KEY,), "credits": 1000, **settings})
        async with (
            running(wanted, clock=clock) as url,
            httpx.AsyncClient(
                base_url=url, headers={"X-API-Key": KEY}, trust_env=False, verify=False, timeout=20
            ) as http,
        ):
            yield Caller(http)

    return opened


@pytest.fixture
async def apiframe(opened: Open) -> AsyncIterator[Caller]:
    async with opened() as caller:
        yield caller


@pytest.fixture
async def inbox() -> AsyncIterator[Inbox]:
    box = Inbox()
    box.open.set()
    async with serving(box) as url:
        box.url = f"{url}/hooks/7?token=a%20b&n=1"
        yield box

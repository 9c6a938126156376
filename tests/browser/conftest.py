from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect
from redis.asyncio import Redis

from tests import invariants
from tests.browser import chromium, pictures
from tests.browser.windows import PATIENCE, Windows, windows
from tests.town import Town, town

expect.set_options(timeout=PATIENCE)


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def browser() -> AsyncIterator[Browser]:
    """One Chromium for all; each test has windows of its own in it."""
    path = await chromium.found()
    if path is None:
        pytest.skip(chromium.NONE)
    async with chromium.started(path) as started:
        yield started


@pytest_asyncio.fixture(loop_scope="package")
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """As everywhere, and in these tests' event loop."""
    async with invariants.kept(redis_url) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="package")
async def here(browser: Browser, redis: Redis, redis_url: str, request: pytest.FixtureRequest) -> AsyncIterator[Town]:
    """Service, worker and upstream; the town's options come as the fixture's parameter."""
    async with town(redis_url, **getattr(request, "param", {})) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="package")
async def at(browser: Browser, here: Town) -> AsyncIterator[Windows]:
    async with windows(browser, str(here.api.base_url)) as opened:
        yield opened


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if pictures.taken:
        terminalreporter.write_line(f"{len(pictures.taken)} screenshots in {pictures.FOLDER}")

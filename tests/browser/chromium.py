"""The system's Chromium. Playwright brings browsers of its own, and none of them is fetched here."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, async_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
"""As in `install`."""
NONE = "there is no Chromium here: see tests/browser/install"
QUIET = (
    "--no-sandbox",  # in a container it has no namespaces to build its own from
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
    "--disable-dev-shm-usage",  # a container's is 64 MB
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


async def found() -> str | None:
    """The path of one that starts: what CHROMIUM says, or what PATH has."""
    given = os.environ.get("CHROMIUM")
    for name in (given,) if given else NAMES:
        path = shutil.which(name)
        if path and await _starts(path):
            return path
    return None


async def _starts(path: str) -> bool:
    """Ubuntu's is a script that asks for a snap."""
    nowhere = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(path, "--version", stdout=nowhere, stderr=nowhere)
    return await process.wait() == 0


@asynccontextmanager
async def started(path: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=[*QUIET])
        try:
            yield browser
        finally:
            await browser.close()

"""Browser windows for a test: each apart from the others, all watched."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from playwright.async_api import Browser, BrowserContext, Page, ViewportSize

from tests.browser.watch import Watch
from tests.door import KEYS

DESK = ViewportSize(width=1280, height=800)
PHONE = ViewportSize(width=390, height=844)
THEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
PATIENCE = 20_000
"""Milliseconds after which what should be seen is missed."""


@dataclass
class Windows:
    """`base_url` is the service's; a path is opened beneath it."""

    browser: Browser
    base_url: str
    watch: Watch
    _contexts: list[BrowserContext] = field(default_factory=list)

    async def open(self, path: str, *, name: str | None = None, **options: Any) -> Page:
        """A page in a window of its own, signed in with the key of `name`."""
        context = await self._context(**options)
        await self.watch.over(context)
        page = await context.new_page()
        await page.goto(path)
        if name is not None:
            await sign_in(page, name)
        return page

    async def unguarded(self, page: Page, **options: Any) -> Page:
        """The same page and session in a window that obeys no policy: for scripts that a test brings with it."""
        state = await page.context.storage_state()
        context = await self._context(bypass_csp=True, storage_state=state, **options)
        other = await context.new_page()
        await other.goto(page.url)
        return other

    async def close(self) -> None:
        for context in self._contexts:
            await context.close()

    async def _context(self, **options: Any) -> BrowserContext:
        context = await self.browser.new_context(**{"base_url": self.base_url, "viewport": DESK, **options})
        context.set_default_timeout(PATIENCE)
        self._contexts.append(context)
        return context


@asynccontextmanager
async def windows(browser: Browser, base_url: str) -> AsyncIterator[Windows]:
    """Closed at the end; what was seen in them is judged when the test itself has passed."""
    opened = Windows(browser, base_url, Watch(base_url))
    try:
        yield opened
    finally:
        await opened.close()
    opened.watch.verdict()


async def sign_in(page: Page, name: str) -> None:
    """With the key of `name`, at the form that every page leads to; it leads back."""
    await give_key(page, KEYS[name][0])
    await page.wait_for_url(lambda url: "/sign-in" not in url)


async def give_key(page: Page, key: str) -> None:
    """Into the form that is shown."""
    await page.locator("#sign-in input[name=key]").fill(key)
    await page.locator("#sign-in button").click()

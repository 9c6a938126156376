"""The tests' own eyes: what a page must not do is seen when it does it."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.browser import ONE_LOOP
from tests.browser.axe import judge
from tests.browser.watch import Watch
from tests.browser.windows import windows
from tests.serving import serving

pytestmark = ONE_LOOP

SCRIPTS = {
    "error": "console.error('alas')",
    "warning": "console.warn('alas')",
    "thrown": "setTimeout(() => { throw new Error('alas') })",
    "rejected": "void Promise.reject(new Error('alas'))",
    "elsewhere": "fetch('http://elsewhere.test/').catch(() => {})",
    "style": "document.body.setAttribute('style', 'color: red')",
    "missing": "fetch('/404')",
    "fault": "fetch('/503')",
    "well": "console.log('fine')",
}
POLICY = "default-src 'none'; script-src 'self'; connect-src *; img-src data:"


def answer(request: Request) -> Response:
    name = request.path_params["name"]
    if name.isdecimal():
        return Response(status_code=int(name))
    if name.endswith(".js"):
        script = (
            f"await {SCRIPTS[name.removesuffix('.js')]}; setTimeout(() => document.documentElement.dataset.ran = '')"
        )
        return Response(script, media_type="text/javascript")
    page = (
        '<!doctype html><html lang="en"><head><title>A page</title><link rel="icon" href="data:,">'
        f'<script type="module" src="/{name}.js"></script></head>'
        '<body><main><h1>A page</h1><img src="data:,"></main></body></html>'
    )
    return Response(page, media_type="text/html", headers={"Content-Security-Policy": POLICY})


@pytest_asyncio.fixture(loop_scope="package")
async def site(browser: Browser) -> AsyncIterator[str]:
    """One page for each script, under its name."""
    async with serving(Starlette(routes=[Route("/{name}", answer)])) as url:
        yield url


async def look(browser: Browser, site: str, name: str) -> None:
    async with windows(browser, site) as opened:
        page = await opened.open(f"/{name}")
        await page.wait_for_selector("html[data-ran]")


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("error", "console error: alas"),
        ("warning", "console warning: alas"),
        ("thrown", "uncaught: .*alas"),
        ("rejected", "uncaught: .*alas"),
        ("elsewhere", "another host: http://elsewhere.test/"),
        ("style", "policy: style-src-attr forbids inline"),
        ("missing", "console error: .*404"),
        ("fault", "answered 503: "),
    ],
)
async def test_what_a_page_must_not_do_fails_its_test(browser: Browser, site: str, name: str, seen: str) -> None:
    """At the test's end, in words that say what it was."""
    with pytest.raises(AssertionError, match=seen):
        await look(browser, site, name)


async def test_a_page_that_does_its_work_is_let_be(browser: Browser, site: str) -> None:
    """Also when it logs what it does."""
    await look(browser, site, "well")


async def test_what_is_expected_is_forgiven_and_must_come(browser: Browser, site: str) -> None:
    """Nothing else with it."""
    async with windows(browser, site) as opened:
        with opened.watch.expecting("404"):
            await (await opened.open("/missing")).wait_for_selector("html[data-ran]")
        with pytest.raises(AssertionError, match="nothing was seen of 404"), opened.watch.expecting("404"):
            pass


async def test_forgiveness_is_for_what_was_expected_alone() -> None:
    """Whatever else came stays seen, in its order."""
    watch = Watch("http://127.0.0.1")
    watch._violation("first")
    with watch.expecting("second"):
        watch._violation("second")
        watch._violation("third")
    with pytest.raises(AssertionError, match=r"^policy: first\npolicy: third"):
        watch.verdict()


async def test_a_picture_without_words_is_a_violation(browser: Browser, site: str) -> None:
    """axe runs on a page whose own policy would forbid it."""
    async with windows(browser, site) as opened:
        page = await opened.unguarded(await opened.open("/well"))
        with pytest.raises(AssertionError, match="critical image-alt: "):
            await judge(page)

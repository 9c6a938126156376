"""Every page as it looks: in both themes and on a phone, for people and for their screen readers."""

from playwright.async_api import Page, expect
from redis.asyncio import Redis

from tests.browser import ONE_LOOP
from tests.browser.axe import judge
from tests.browser.pictures import take
from tests.browser.scenes import busy_day
from tests.browser.windows import DESK, PHONE, THEMES, Windows
from tests.town import Town

pytestmark = ONE_LOOP

PAGES = {"jobs": "/", "job": "/jobs/{id}", "deliveries": "/deliveries", "health": "/health", "audit": "/audit"}


async def test_every_page_can_be_used_by_everybody(at: Windows, here: Town, redis: Redis) -> None:
    """Nothing serious for axe in either theme; a phone has nothing to scroll sideways."""
    job = await busy_day(here, redis)
    page = await at.open("/", name="ops")
    for name, path in PAGES.items():
        await page.goto(path.format(id=job["id"]))
        await looked_at(at, page, name)


async def test_the_form_can_be_used_by_everybody(at: Windows) -> None:
    """As every page."""
    await looked_at(at, await at.open("/sign-in"), "sign-in")


async def test_dialogs_can_be_used_by_everybody(at: Windows) -> None:
    """The one that asks, and the help."""
    page = await at.open("/health", name="ops")
    for button, name in (("[data-action=pause]", "ask"), ("#help", "help")):
        await page.locator(button).click()
        await take(page, f"{name}-light", whole=False)
        await page.keyboard.press("Escape")
        other = await at.unguarded(page)
        await other.locator(button).click()
        await judge(other)


async def looked_at(at: Windows, page: Page, name: str) -> None:
    for size, where in ((DESK, ""), (PHONE, "-phone")):
        await page.set_viewport_size(size)
        await everything_is_there(page)
        for theme in THEMES:
            await page.emulate_media(color_scheme=theme)
            await take(page, f"{name}{where}-{theme}")
        assert await page.evaluate("document.documentElement.scrollWidth") <= size["width"], name
    await judge(await at.unguarded(page))


async def everything_is_there(page: Page) -> None:
    """Pictures, too, also those further down, which a browser fetches when they come into view."""
    await expect(page.locator("body")).to_be_visible()
    for image in await page.locator("img").all():
        await image.scroll_into_view_if_needed()
        await expect(image).to_have_js_property("complete", True)
    await page.evaluate("scrollTo(0, 0)")

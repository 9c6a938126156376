"""`/docs`, for people."""

from playwright.async_api import expect

from tests.browser import ONE_LOOP
from tests.browser.axe import judge
from tests.browser.pictures import take
from tests.browser.windows import PHONE, THEMES, Windows

pytestmark = ONE_LOOP


async def test_the_reference_can_be_read_by_everybody(at: Windows) -> None:
    """In both themes, also with a screen reader."""
    page = await at.open("/docs")
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    for theme in THEMES:
        await page.emulate_media(color_scheme=theme)
        await take(page, f"docs-{theme}", whole=False)
    await judge(await at.unguarded(page))


async def test_the_reference_fits_a_phone(at: Windows) -> None:
    """Nothing is wider than the screen."""
    page = await at.open("/docs", viewport=PHONE)
    await take(page, "docs-phone", whole=False)
    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]

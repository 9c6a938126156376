"""`/docs`, for people."""

import pytest
from playwright.async_api import expect

from tests.browser import ONE_LOOP
from tests.browser.axe import judge
from tests.browser.pictures import take
from tests.browser.windows import PHONE, Windows

pytestmark = ONE_LOOP


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_the_reference_can_be_read_by_everybody(at: Windows, theme: str) -> None:
    """In both themes, also with a screen reader."""
    page = await at.open("/docs", color_scheme=theme)
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    await take(page, f"docs-{theme}", whole=False)
    await judge(await at.unguarded(page, color_scheme=theme))


async def test_the_reference_fits_a_phone(at: Windows) -> None:
    """Nothing is wider than the screen."""
    page = await at.open("/docs", viewport=PHONE)
    await take(page, "docs-phone", whole=False)
    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]

"""Screenshots that a run leaves behind, for people to look at."""

from pathlib import Path

from playwright.async_api import Page

FOLDER = Path(__file__).parents[2] / "test-output" / "screenshots"
taken: list[str] = []


async def take(page: Page, name: str, *, whole: bool = True) -> None:
    """`whole` beyond what the window shows, too."""
    taken.append(name)
    await page.screenshot(path=FOLDER / f"{name}.png", full_page=whole, animations="disabled")

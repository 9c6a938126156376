"""axe-core's opinion of a page: https://github.com/dequelabs/axe-core/blob/develop/doc/API.md"""

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

GRAVE = ("serious", "critical")
OF_COLOURS = {"runOnly": ["color-contrast", "link-in-text-block"]}


async def judge(page: Page) -> None:
    """In both themes: fails for each grave violation, and says where it is."""
    await _judge(page, {"resultTypes": ["violations"]})
    await page.emulate_media(color_scheme="dark")
    await _judge(page, OF_COLOURS)


async def _judge(page: Page, options: dict[str, list[str]]) -> None:
    violations = (await Axe().run(page, options=options)).response["violations"]
    grave = [f"{each['impact']} {each['id']}: {each['help']}\n{_places(each)}" for each in violations
             if each["impact"] in GRAVE]  # fmt: skip
    assert not grave, "\n".join(grave)


def _places(violation: dict[str, list[dict[str, object]]]) -> str:
    return "\n".join(f"    {node['html']} {node['failureSummary']}" for node in violation["nodes"][:5])

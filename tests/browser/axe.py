"""axe-core's opinion of a page: https://github.com/dequelabs/axe-core/blob/develop/doc/API.md"""

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

GRAVE = ("serious", "critical")


async def judge(page: Page) -> None:
    """Fails for each grave violation, and says where it is."""
    violations = (await Axe().run(page)).response["violations"]
    grave = [f"{each['impact']} {each['id']}: {each['help']}\n{_places(each)}" for each in violations
             if each["impact"] in GRAVE]  # fmt: skip
    assert not grave, "\n".join(grave)


def _places(violation: dict[str, list[dict[str, object]]]) -> str:
    return "\n".join(f"    {node['html']} {node['failureSummary']}" for node in violation["nodes"][:5])

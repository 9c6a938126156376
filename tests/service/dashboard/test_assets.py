"""Scripts and the style: the right types, asked for again, sent again only when changed."""

import re

import httpx
import pytest

from service.dashboard.assets import FOLDER, TYPES
from tests.door import assert_problem

FILES = sorted(path.name for path in FOLDER.iterdir())


@pytest.mark.parametrize("name", FILES)
async def test_a_file_is_sent_once(api: httpx.AsyncClient, name: str) -> None:
    """Before anybody has signed in, too; and then only when it has changed."""
    first = await api.get(f"/static/{name}")
    assert (first.status_code, first.content) == (200, (FOLDER / name).read_bytes())
    assert first.headers["content-type"] == TYPES[FOLDER.joinpath(name).suffix]
    assert (first.headers["cache-control"], first.headers["x-content-type-options"]) == ("no-cache", "nosniff")
    again = await api.get(f"/static/{name}", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])


async def test_the_icon_is_also_where_browsers_look_for_one(api: httpx.AsyncClient) -> None:
    """Beside an image or JSON, which name none."""
    answer = await api.get("/favicon.ico")
    assert (answer.headers["content-type"], answer.content) == ("image/svg+xml", (FOLDER / "icon.svg").read_bytes())


@pytest.mark.parametrize("name", ["nothing.js", "..%2Fhtml.py", "%2e%2e%2fassets.py", "style.css%00", "style.css/"])
async def test_nothing_else_is_sent(api: httpx.AsyncClient, name: str) -> None:
    """Whatever the name."""
    assert_problem_or_page(await api.get(f"/static/{name}"))


def assert_problem_or_page(answer: httpx.Response) -> None:
    if answer.headers["content-type"].startswith("text/html"):
        assert answer.status_code == 404
    else:
        assert_problem(answer, 404)


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".js")])
def test_a_script_loads_ours_alone_and_writes_no_markup(name: str) -> None:
    """Its imports are there; nothing that makes elements of text, or code of text."""
    text = (FOLDER / name).read_text("utf-8")
    for imported in re.findall(r'from "([^"]+)"', text):
        assert (FOLDER / imported.removeprefix("./")).is_file()
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|https?://|\.style\b", text
    )

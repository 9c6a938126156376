"""A visitor without a browser: signs in by the form, and reads pages as what they are made of."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

import httpx

from tests.door import KEYS

NAVIGATION = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str]
    text: str = ""


@dataclass
class Page(HTMLParser):
    """Every element in order, each with the text within it."""

    elements: list[Element] = field(default_factory=list)

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements, self._open = [], list[Element]()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(made := Element(tag, {name: value or "" for name, value in attrs}))
        if tag not in ("meta", "link", "input", "img", "br"):
            self._open.append(made)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop().tag != tag:
            pass

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data

    def all(self, tag: str | None = None, **attributes: str) -> list[Element]:
        """With `data_action` for `data-action`, and "*" for any value."""
        wanted = {name.replace("_", "-"): value for name, value in attributes.items()}
        return [
            one
            for one in self.elements
            if tag in (None, one.tag)
            and all(name in one.attributes and value in ("*", one.attributes[name]) for name, value in wanted.items())
        ]

    def one(self, tag: str | None = None, **attributes: str) -> Element:
        [found] = self.all(tag, **attributes)
        return found

    @property
    def name(self) -> str:
        return self.one("body").attributes["data-page"]

    def text(self) -> str:
        return re.sub(r"\s+", " ", self.one("body").text)


async def get(api: httpx.AsyncClient, path: str, status: int = 200) -> Page:
    answer = await api.get(path, headers=NAVIGATION)
    assert answer.status_code == status, (answer.status_code, answer.headers.get("location"), answer.text[:500])
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return Page(answer.text)


async def form_token(api: httpx.AsyncClient) -> str:
    """Of the sign-in form; its cookie is kept by `api`."""
    return (await get(api, "/sign-in")).one("input", name="csrf").attributes["value"]


async def sign_in(api: httpx.AsyncClient, name: str = "ops", **fields: str) -> httpx.Response:
    """As the form does, with the key of `name`."""
    form = {"csrf": await form_token(api), "key": KEYS[name][0], **fields}
    return await api.post("/sign-in", data=form)


async def signed_in(api: httpx.AsyncClient, name: str = "ops") -> str:
    """The session's token for actions."""
    answer = await sign_in(api, name)
    assert answer.status_code == 303, answer.text
    return (await get(api, "/")).one("meta", name="csrf-token").attributes["content"]

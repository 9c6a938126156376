"""`/docs`: the OpenAPI document for people, one page that loads nothing and runs nothing."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

from service.openapi import Document
from service.problems import TYPE

_REFERENCE = Path(__file__).parent / "reference"
STYLE = (_REFERENCE / "style.css").read_text("utf-8")
ERRORS = dict(re.findall(r"(?ms)^## (\S+)\n\n(.*?)(?=^## |\Z)", (_REFERENCE / "errors.md").read_text("utf-8")))
"""The paragraphs of docs/errors.md, by the word that ends a problem's `type`."""
CSP = (
    f"default-src 'none'; style-src 'sha256-{base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
CUT = 60
"""Characters of a long value, such as a mask, that an example shows on the page."""
HEADERS = {"Content-Security-Policy": CSP, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}


def page(described: Document) -> str:
    """The whole page."""
    view = _View(described)
    title = escape(described["info"]["title"])
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" '
        f'content="light dark"><title>{title} API</title><style>{STYLE}</style></head>'
        f"<body>{view.contents()}<main>{''.join(view.sections())}</main></body></html>"
    )


class _View:
    """Small pieces of HTML, each from its piece of the document."""

    def __init__(self, described: Document) -> None:
        self._document = described

    def contents(self) -> str:
        groups = "".join(
            f"<li><a href='#{escape(tag)}'>{escape(tag)}</a><ul>"
            f"{''.join(map(self._entry, self._tagged(tag)))}</ul></li>"
            for tag in self._tags()
        )
        return (
            f"<nav><a class='home' href='#top'>{escape(self._document['info']['title'])}</a><ul>{groups}"
            "<li><a href='#errors'>Errors</a></li><li><a href='#schemas'>Schemas</a></li></ul></nav>"
        )

    def sections(self) -> Iterator[str]:
        info = self._document["info"]
        yield (
            f"<header id='top'><h1>{escape(info['title'])} <small>API {escape(info['version'])}</small></h1>"
            f"{prose(info['description'])}<p><a href='/openapi.json'>openapi.json</a></p></header>"
        )
        for tag, words in self._tags().items():
            operations = "".join(map(self._operation, self._tagged(tag)))
            yield f"<section id='{escape(tag)}'><h2>{escape(tag)}</h2>{prose(words)}{operations}</section>"
        yield f"<section id='errors'><h2>Errors</h2>{''.join(self._errors())}</section>"
        yield f"<section id='schemas'><h2>Schemas</h2>{''.join(self._schemas())}</section>"

    def _tags(self) -> dict[str, str]:
        return {tag["name"]: tag["description"] for tag in self._document["tags"]}

    def _tagged(self, tag: str) -> Iterator[tuple[str, str, Document]]:
        for path, methods in self._document["paths"].items():
            for method, operation in methods.items():
                if tag in operation["tags"]:
                    yield method.upper(), path, operation

    def _entry(self, one: tuple[str, str, Document]) -> str:
        _, _, operation = one
        return f"<li><a href='#{operation['operationId']}'>{escape(operation['summary'])}</a></li>"

    def _operation(self, one: tuple[str, str, Document]) -> str:
        method, path, operation = one
        parts = (
            prose(operation["description"]),
            self._parameters(operation),
            self._body(operation.get("requestBody")),
            self._responses(operation["responses"]),
        )
        return (
            f"<article id='{operation['operationId']}'><h3>{escape(operation['summary'])}</h3>"
            f"<p class='line'><b class='{method.lower()}'>{method}</b> <code>{_breakable(path)}</code></p>"
            f"{''.join(parts)}</article>"
        )

    def _parameters(self, operation: Document) -> str:
        rows = [self._parameter(self._resolved(one)) for one in operation["parameters"]]
        return f"<h4>Parameters</h4><dl>{''.join(rows)}</dl>" if rows else ""

    def _parameter(self, one: Document) -> str:
        return _row(one["name"], [one["in"], self._kind(one["schema"])], one.get("required", False), one["description"])

    def _body(self, body: Document | None) -> str:
        if body is None:
            return ""
        media = "".join(self._media(name, one) for name, one in body["content"].items())
        return f"<h4>Body</h4>{prose(body['description'])}{media}"

    def _media(self, name: str, media: Document) -> str:
        examples = "".join(_example(title, one["value"]) for title, one in media.get("examples", {}).items())
        return f"<p><code>{escape(name)}</code> {self._kind(media['schema'])}</p>{examples}"

    def _responses(self, responses: Document) -> str:
        return f"<h4>Answers</h4>{''.join(self._response(*one) for one in responses.items())}"

    def _response(self, status: str, given: Document) -> str:
        response = self._resolved(given)
        headers = "".join(self._header(name, self._resolved(one)) for name, one in response["headers"].items())
        media = "".join(self._media(name, one) for name, one in response.get("content", {}).items())
        return (
            f"<details><summary><b class='s{status[0]}'>{status}</b> {inline(response['description'])}</summary>"
            f"{media}<dl>{headers}</dl></details>"
        )

    def _header(self, name: str, one: Document) -> str:
        return _row(name, ["header", self._kind(one["schema"])], False, one["description"])

    def _errors(self) -> Iterator[str]:
        """One of each `type`, where it leads to."""
        responses = self._document["components"]["responses"].values()
        media = [response["content"]["application/problem+json"]["examples"] for response in responses]
        shown = [example["value"] for examples in media for example in examples.values()]
        for word, problem in {problem["type"].removeprefix(TYPE): problem for problem in shown}.items():
            yield (
                f"<article id='{escape(word)}'><h3>{escape(word)}</h3>"
                f"{prose(ERRORS[word])}{_example('as it reads', problem)}</article>"
            )

    def _schemas(self) -> Iterator[str]:
        for name, schema in self._document["components"]["schemas"].items():
            needed = schema.get("required", ()) if schema.get("additionalProperties") is False else ()
            rows = "".join(
                _row(field, [self._kind(part)], field in needed, part.get("description", ""))
                for field, part in schema.get("properties", {}).items()
            )
            values = " ".join(f"<code>{escape(str(value))}</code>" for value in schema.get("enum", ()))
            yield (
                f"<article id='schema-{name}'><h3>{name}</h3>{prose(schema.get('description', ''))}"
                f"{f'<p>{values}</p>' if values else ''}<dl>{rows}</dl></article>"
            )

    def _kind(self, schema: Mapping[str, Any]) -> str:
        """A type in a few words, linked where it has a name."""
        match schema:
            case {"$ref": str(ref)}:
                name = ref.rpartition("/")[2]
                return f"<a href='#schema-{name}'>{name}</a>"
            case {"anyOf": list(kinds)}:
                return " or ".join(map(self._kind, kinds))
            case {"items": dict(items)}:
                return f"array of {self._kind(items)}"
            case {"const": value} | {"enum": [value]}:
                return f"<code>{escape(json.dumps(value))}</code>"
        kinds = schema.get("type", "any")
        return escape(" or ".join([kinds] if isinstance(kinds, str) else kinds) + _limits(schema))

    def _resolved(self, given: Document) -> Document:
        if "$ref" not in given:
            return given
        _, *steps = given["$ref"].split("/")
        found = self._document
        for step in steps:
            found = found[step]
        return found


def prose(text: str) -> str:
    """Paragraphs, lists, code and strong words: as much of Markdown as the document uses."""
    blocks = (block for block in text.strip().split("\n\n") if block)
    return "".join(map(_block, blocks))


def _block(text: str) -> str:
    if text.startswith("- "):
        lines = text.removeprefix("- ").split("\n- ")
        return f"<ul>{''.join(f'<li>{inline(line)}</li>' for line in lines)}</ul>"
    return f"<p>{inline(text)}</p>"


def inline(text: str) -> str:
    coded = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
    return re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", coded)


def _row(name: str, kinds: list[str], required: bool, description: str) -> str:
    mark = " <em>required</em>" if required else ""
    return f"<dt><code>{escape(name)}</code> <small>{', '.join(kinds)}</small>{mark}</dt><dd>{inline(description)}</dd>"


def _limits(schema: Mapping[str, Any]) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    said = [str(schema["format"])] if "format" in schema else []
    said += [f"{low}-{high}" if high is not None else f"from {low}"] if low is not None else []
    said += [f"up to {schema['maxLength']:,} characters"] if "maxLength" in schema else []
    said += [f"{schema['default']} if left out"] if isinstance(schema.get("default"), int | float) else []
    return "".join(f", {one}" for one in said)


def _example(title: str, value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(_shortened(value), indent=2, ensure_ascii=False)
    return f"<figure><figcaption>{escape(title)}</figcaption><pre tabindex='0'>{escape(text)}</pre></figure>"


def _shortened(value: Any) -> Any:
    match value:
        case dict():
            return {name: _shortened(part) if name == "mask" else part for name, part in value.items()}
        case str() if len(value) > CUT:
            return f"{value[:CUT]}…"
    return value


def _breakable(path: str) -> str:
    return escape(path).replace("/", "<wbr>/")

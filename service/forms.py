"""`multipart/form-data` for `POST /v1/jobs`: the mask as a file, the other fields as text."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

from service.documents import json_object
from tracker.errors import BadRequest, InvalidInput, UnsupportedMediaType
from tracker.masks import MAX_CHARS, Mask, from_base64, from_bytes
from tracker.submission import LABEL_RULE, is_label

MAX_FORM = MAX_CHARS + 128 * 1024
"""A mask may come as base64 text, too."""
MAX_PARTS = 100
"""Far more than there are fields, so that it is the model which says what is too much."""
LABEL = "label."

Part = tuple[str, str | bytes]
"""A name and its text, or the bytes of a file."""


@dataclass(frozen=True)
class Fields:
    """The document as JSON would have it, how its mask is read, and what is wrong already, by field."""

    document: Mapping[str, Any]
    mask: Callable[[], Mask] | None = None
    wrong: dict[str, list[str]] = field(default_factory=dict)


def read_form(content_type: str, body: bytes) -> Sequence[Part]:
    """The parts as they came. Raises BadRequest, or UnsupportedMediaType for an encoding other than UTF-8."""
    return asyncio.run(_parts(content_type, body))


async def _parts(content_type: str, body: bytes) -> Sequence[Part]:
    form = await _parsed(content_type, body)
    try:
        return [(name, await _content(value)) for name, value in form.multi_items()]
    finally:
        await form.close()


async def _content(value: UploadFile | str) -> str | bytes:
    return await value.read() if isinstance(value, UploadFile) else value


class _InMemory(MultiPartParser):
    """A mask never lies on a disk."""

    spool_max_size = MAX_FORM


async def _parsed(content_type: str, body: bytes) -> FormData:
    _require_utf8(content_type)
    parser = _InMemory(
        Headers({"content-type": content_type}), _once(body),
        max_files=MAX_PARTS, max_fields=MAX_PARTS, max_part_size=MAX_FORM,
    )  # fmt: skip
    try:
        return await parser.parse()
    except MultiPartException as error:
        raise BadRequest(f"The form cannot be read: {error.message}") from None
    except (KeyError, ValueError):
        raise BadRequest("The form cannot be read: its boundary is missing or wrong.") from None


async def _once(body: bytes) -> AsyncGenerator[bytes, None]:
    yield body


def _require_utf8(content_type: str) -> None:
    """Python knows encodings that make halves of characters, which nothing can write down again (unicode_escape)."""
    _, options = parse_options_header(content_type)
    if options.get(b"charset", b"utf-8").lower() not in (b"utf-8", b"utf8"):
        raise UnsupportedMediaType("Send the form in UTF-8, and leave out the charset.")


def fields(parts: Sequence[Part]) -> Fields:
    """`labels` is a JSON object, or any number of parts `label.NAME`."""
    named = dict(parts)
    wrong = {**_files_for_text(parts), **_given_twice(parts)}
    labels = _labels(named, wrong)
    document = {name: _text(value) for name, value in named.items() if not _is_label(name)}
    if document.get("prompt") == "":
        del document["prompt"]  # a field that was not filled in
    if labels is not None:
        document["labels"] = labels
    return Fields(document, _mask(named.get("mask")), wrong)


def _text(value: str | bytes) -> Any:
    return "" if isinstance(value, bytes) else value


def _is_label(name: str) -> bool:
    return name == "labels" or name.startswith(LABEL)


def _files_for_text(parts: Sequence[Part]) -> dict[str, list[str]]:
    """A file that no field takes is told as unknown by the model, as any other."""
    texts = {name for name, value in parts if isinstance(value, bytes)} - {"mask"}
    known = ("parentJobId", "prompt", "action", "labels")
    return {name: ["Send it as text, not as a file."] for name in texts if name in known or name.startswith(LABEL)}


def _given_twice(parts: Sequence[Part]) -> dict[str, list[str]]:
    names = [name for name, _ in parts]
    return {name: ["Given more than once."] for name in names if names.count(name) > 1}


def _labels(named: Mapping[str, str | bytes], wrong: dict[str, list[str]]) -> dict[str, Any] | None:
    """Those of `labels` and of the parts together, None where there are neither; notes what is wrong with them."""
    single = {name: value for name, value in named.items() if name.startswith(LABEL) and isinstance(value, str)}
    given = named.get("labels")
    if given is None and not single:
        return None
    labels = _object(given, wrong) if isinstance(given, str) else {}
    for name, value in single.items():
        label = name.removeprefix(LABEL)
        if label in labels:
            wrong[name] = ["Given in `labels`, too."]
        elif not is_label(label, value):
            wrong[name] = [f"No label: {LABEL_RULE}"]
        else:
            labels[label] = value
    return labels


def _object(text: str, wrong: dict[str, list[str]]) -> dict[str, Any]:
    try:
        return json_object(text.encode())
    except BadRequest:
        wrong["labels"] = ["Expected a JSON object, or parts label.NAME."]
    except InvalidInput as error:  # of a label, and not of a field
        wrong["labels"] = [str(error)]
    return {}


def _mask(given: str | bytes | None) -> Callable[[], Mask] | None:
    if isinstance(given, bytes):
        return partial(from_bytes, given)
    return partial(from_base64, given) if given is not None else None

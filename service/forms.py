"""`multipart/form-data` for `POST /v1/jobs`: the mask as a file, the other fields as text."""

from collections.abc import Callable
from functools import partial
from typing import Any

from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from service.documents import json_object
from service.requests import bounded
from tracker.errors import BadRequest, InvalidInput, UnsupportedMediaType
from tracker.masks import MAX_CHARS, Mask, from_base64, from_bytes

MAX_FORM = MAX_CHARS + 128 * 1024
"""A mask may come as base64 text, too."""
MAX_PARTS = 16

Reader = Callable[[], Mask]


async def read_form(request: Request) -> tuple[dict[str, Any], Reader | None]:
    """The document as JSON would have it, and how its mask is read. Raises BadRequest, TooLarge or InvalidInput.

    `labels` is a JSON object, or any number of fields `label.NAME`.
    """
    form = await _parsed(request)
    try:
        return _document(form), await _mask(form)
    finally:
        await form.close()


class _InMemory(MultiPartParser):
    """A mask never lies on a disk."""

    spool_max_size = MAX_FORM


async def _parsed(request: Request) -> FormData:
    _require_utf8(request)
    parser = _InMemory(
        request.headers, bounded(request, MAX_FORM), max_files=1, max_fields=MAX_PARTS, max_part_size=MAX_FORM
    )
    try:
        return await parser.parse()
    except MultiPartException as error:
        raise BadRequest(f"The form cannot be read: {error.message}") from None
    except (KeyError, ValueError):
        raise BadRequest("The form cannot be read: its boundary is missing or wrong.") from None


def _require_utf8(request: Request) -> None:
    """Python knows encodings that make halves of characters, which nothing can write down again (unicode_escape)."""
    _, options = parse_options_header(request.headers["content-type"])
    if options.get(b"charset", b"utf-8").lower() not in (b"utf-8", b"utf8"):
        raise UnsupportedMediaType("Send the form in UTF-8, and leave out the charset.")


def _document(form: FormData) -> dict[str, Any]:
    names = [name for name, _ in form.multi_items()]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise InvalidInput({name: ["Given more than once."] for name in twice})
    document: dict[str, Any] = {name: value for name, value in form.items() if isinstance(value, str)}
    labels = {name.removeprefix("label."): document.pop(name) for name in names if name.startswith("label.")}
    if "labels" in document:
        document["labels"] = _object(document["labels"])
    if labels:
        given = document.get("labels", {})
        document["labels"] = {**labels, **given} if isinstance(given, dict) else given  # which the model refuses
    if isinstance(form.get("mask"), UploadFile):
        document["mask"] = ""  # the model wants one; the file is judged beside it
    return document


def _object(text: str) -> dict[str, Any]:
    try:
        return json_object(text.encode())
    except BadRequest:
        raise InvalidInput({"labels": ["Expected a JSON object, or fields label.NAME."]}) from None
    except InvalidInput as error:  # a label's name, and not a field's
        raise InvalidInput({"labels": [str(error)]}) from None


async def _mask(form: FormData) -> Reader | None:
    given = form.get("mask")
    if isinstance(given, UploadFile):
        return partial(from_bytes, await given.read())
    return partial(from_base64, given) if isinstance(given, str) else None

"""Callers' JSON, read strictly: an object, no name twice, no NaN, no half of a character, no more than makes sense."""

import json
import re
from collections import Counter
from typing import Any

from pydantic_core import from_json

from tracker.errors import BadRequest, InvalidInput

MAX_PARTS = 4096
"""Commas and opening brackets, those in texts included. The most that any request needs is a prompt and labels full of
them; a mask has none. Without this, 12 MB of `[[],[],…]` would take some hundreds in memory."""
LONG = 1000
"""Bytes of a text that are worth a look."""
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
"""Also one that never ends: were it passed over, the search would begin again at each quote within it."""


def json_object(body: bytes) -> dict[str, Any]:
    """Raises BadRequest, which says where, or InvalidInput for a field that is there twice.

    Line breaks and tabs are taken where JSON wants them escaped.
    """
    try:
        _require_few(body)
        try:
            document = from_json(body, allow_inf_nan=False)
        except ValueError:
            document = from_json(_STRING.sub(_escaped, body), allow_inf_nan=False)
        if isinstance(document, dict):
            _require_once(_without_the_longest(body, document))
            return document
    except ValueError as error:
        raise BadRequest(f"The body is not JSON: {error}.") from None
    raise BadRequest("The body is JSON, but not an object.")


def _require_few(body: bytes) -> None:
    if sum(_times(sign, body) for sign in (b",", b"[", b"{")) > MAX_PARTS:
        raise BadRequest(f"The body has more than {MAX_PARTS:,} commas and brackets, which no request here needs.")


def _times(sign: bytes, body: bytes) -> int:
    """Up to one too many. Where there are few, `find` goes through a megabyte in a thirtieth of the time of `count`."""
    times, at = 0, body.find(sign)
    while at >= 0 and times <= MAX_PARTS:
        times, at = times + 1, body.find(sign, at + 1)
    return times


def _escaped(string: re.Match[bytes]) -> bytes:
    """GNU base64 wraps its lines, and a shell puts them into a JSON string as they are (dossier section 13, 23)."""
    return string[0].replace(b"\n", b"\\n").replace(b"\r", b"\\r").replace(b"\t", b"\\t")


class _Object(dict[str, Any]):
    """With the names that it was given more than once."""

    twice: tuple[str, ...] = ()


def _object(pairs: list[tuple[str, Any]]) -> _Object:
    made = _Object(pairs)
    if len(made) < len(pairs):
        made.twice = tuple(name for name, times in Counter(name for name, _ in pairs).items() if times > 1)
    return made


def _without_the_longest(body: bytes, document: dict[str, Any]) -> bytes:
    """In what the longest text holds, a mask most often, is no name. One that was written with escapes stays."""
    longest = max((value for value in document.values() if isinstance(value, str)), key=len, default="").encode()
    at = body.find(longest[:LONG])
    if len(longest) <= LONG or body[at : at + len(longest)] != longest:
        return body
    return body[:at] + body[at + len(longest) :]


def _require_once(body: bytes) -> None:
    """One reader takes the first of two, another the last: neither is asked here."""
    document: _Object = json.loads(body, strict=False, object_pairs_hook=_object)
    errors = {name: ["Given more than once."] for name in document.twice}
    for field, value in document.items():
        for name in _twice_within(value):
            errors.setdefault(field, []).append(f"{name}: Given more than once.")
    if errors:
        raise InvalidInput(errors)


def _twice_within(value: Any) -> list[str]:
    """Names in objects within objects, with what leads to them. Lists hold none that any request needs."""
    if not isinstance(value, _Object):
        return []
    deeper = [f"{name}.{inner}" for name, one in value.items() for inner in _twice_within(one)]
    return [*value.twice, *deeper]

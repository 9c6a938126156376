"""From bytes to a checked body, and from pydantic's errors to the words and the shape of upstream's Zod."""

import json
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from sandbox.refusals import Invalid

TYPES = {"string": "string", "dict": "object", "model": "object", "list": "array"}
S = TypeVar("S")


def read_json(raw: bytes) -> Any:
    """Raises `Invalid` for anything but JSON in UTF-8."""
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        raise Invalid(text="Request body is not valid JSON") from None


def parse(adapter: TypeAdapter[S], value: Any) -> S:
    """Raises `Invalid` with every wrong field, keyed by its JSON path."""
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        raise Invalid(details(error, value)) from None


def details(error: ValidationError, value: Any) -> dict[str, list[str]]:
    """{JSON path: [messages]} of `value`'s errors."""
    found: dict[str, list[str]] = {}
    tagged = value.get("action") if isinstance(value, dict) else None
    for item in error.errors(include_url=False, include_context=True):
        steps = item["loc"][1:] if tagged is not None and item["loc"][:1] == (tagged,) else item["loc"]
        path = ".".join(map(str, steps)) or ("action" if item["type"].startswith("union_tag") else "")
        found.setdefault(path, []).append(_zod(item))
    return found


def _zod(item: ErrorDetails) -> str:
    context = item.get("ctx", {})
    match item["type"]:
        case "extra_forbidden":
            return f'Unrecognized key: "{item["loc"][-1]}"'
        case "missing":
            return "Required"
        case "string_too_long":
            return f"Too big: expected string to have <={context['max_length']} characters"
        case "string_too_short":
            return f"Too small: expected string to have >={context['min_length']} characters"
        case "too_short":
            return f"Too small: expected array to have >={context['min_length']} items"
        case "string_type" | "dict_type" | "list_type" | "model_type" | "model_attributes_type":
            return f"Invalid input: expected {TYPES[item['type'].split('_')[0]]}"
        case "union_tag_not_found":
            return "Required"
        case "union_tag_invalid":
            return f"Invalid option: expected one of {context['expected_tags']}"
        case "literal_error":
            return f"Invalid option: expected one of {context['expected']}"
        case _:
            return item["msg"]

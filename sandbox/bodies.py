"""The submit bodies, as strict as upstream's schema: unknown fields, wrong types and bad values are a 400."""

import json
from typing import Annotated, Any, ClassVar, Literal, TypeVar
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import ErrorDetails, PydanticCustomError

from sandbox.refusals import Invalid

WebhookEvent = Literal["progress", "completed", "failed"]
GRID_COST, UPSAMPLE_COST = 16, 4
TYPES = {"string": "string", "dict": "object", "model": "object", "list": "array"}


def _number(value: object) -> object:
    # bool is an int to Python, not a number to JSON
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PydanticCustomError("number", "Invalid input: expected number")
    return float(value)


def _one_of(*allowed: float) -> AfterValidator:
    def check(value: float) -> float:
        if value not in allowed:
            options = "|".join(f"{number:g}" for number in allowed)
            raise PydanticCustomError("one_of", "Invalid option: expected one of {options}", {"options": options})
        return value

    return AfterValidator(check)


def _uuid(value: str) -> str:
    try:
        return str(UUID(value)) if len(value) == 36 else _uuid("-" * 36)
    except ValueError:
        raise PydanticCustomError("uuid", "Invalid UUID") from None


def _uri(value: str) -> str:
    try:
        parts = urlsplit(value)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname or " " in value:
        raise PydanticCustomError("uri", "Invalid URL")
    return value


Index = Annotated[float, BeforeValidator(_number), _one_of(1, 2, 3, 4)]
JobId = Annotated[str, AfterValidator(_uuid)]


class _Body(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", strict=True, frozen=True)

    webhook_url: Annotated[str, AfterValidator(_uri)] = ""
    webhook_events: Annotated[list[WebhookEvent], Field(min_length=1)] = ["completed", "failed"]


class MidjourneyParams(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    aspect_ratio: Annotated[str, Field(pattern=r"^\d+:\d+$")] = "1:1"


class Generate(_Body):
    action: ClassVar[str] = "generate"
    cost: ClassVar[int] = GRID_COST
    prompt: Annotated[str, Field(min_length=1, max_length=2000)]
    model: Literal["midjourney"]
    midjourney_params: MidjourneyParams = MidjourneyParams()


class _Action(_Body):
    parent_job_id: JobId
    cost: ClassVar[int] = GRID_COST
    acts_on: ClassVar[Literal["grid", "upsample"]] = "upsample"


class Upsample(_Action):
    action: Literal["upsample"]
    index: Index
    cost: ClassVar[int] = UPSAMPLE_COST
    acts_on: ClassVar[Literal["grid", "upsample"]] = "grid"


class Variation(_Action):
    action: Literal["variation"]
    index: Index
    acts_on: ClassVar[Literal["grid", "upsample"]] = "grid"


class Inpaint(_Action):
    action: Literal["inpaint"]
    mask: Annotated[str, Field(min_length=1, max_length=12_000_000)]
    prompt: Annotated[str, Field(max_length=2000)] = ""


class Outpaint(_Action):
    action: Literal["outpaint"]
    zoom_ratio: Annotated[float, BeforeValidator(_number), _one_of(1.5, 2)]


class Pan(_Action):
    action: Literal["pan"]
    direction: Literal["up", "down", "left", "right"]


Action = Upsample | Variation | Inpaint | Outpaint | Pan
Submission = Generate | Action
GENERATE: TypeAdapter[Generate] = TypeAdapter(Generate)
ACTION: TypeAdapter[Action] = TypeAdapter(Annotated[Action, Field(discriminator="action")])


def read_json(raw: bytes) -> Any:
    """Raises `Invalid` for anything but JSON in UTF-8."""
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        raise Invalid(text="Request body is not valid JSON") from None


S = TypeVar("S")


def parse(adapter: TypeAdapter[S], value: Any) -> S:
    """Raises `Invalid` with every wrong field, keyed by its JSON path."""
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        raise Invalid(details(error, value)) from None


def details(error: ValidationError, value: Any) -> dict[str, list[str]]:
    """Pydantic's errors in the words and the shape of upstream's Zod."""
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

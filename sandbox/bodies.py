"""The submit bodies, as strict as upstream's schema: unknown fields, wrong types and bad values are a 400."""

import re
from typing import Annotated, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

WebhookEvent = Literal["progress", "completed", "failed"]
GRID_COST, UPSAMPLE_COST = 16, 4
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


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
    if not UUID.fullmatch(value):
        raise PydanticCustomError("uuid", "Invalid UUID")
    return value.lower()


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

"""What callers send, read and judged: everything that is wrong with it is said at once, by field."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Literal, TypeVar, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic.alias_generators import to_camel

from tracker.errors import InvalidInput, MaskRefused
from tracker.ids import as_uuid
from tracker.masks import Mask, from_base64

MAX_LABELS = 8
MAX_LABEL = 63
LABEL_RULE = f"names and values have 1 to {MAX_LABEL} characters, a name no '=' and no control characters."
LABEL_NAME = r"[^=\x00-\x1f\x7f-\x9f]+"
MAX_KEY = 255
KEY_RULE = f"Expected 1 to {MAX_KEY} printable ASCII characters, without a blank at either end."
KEY = r"[!-~](?:[ -~]*[!-~])?"
"""ASCII alone: HTTP reads other bytes as Latin-1, the queue as they are meant, and one key must not be two."""

Model = TypeVar("Model", bound=BaseModel)


def canonical_uuid(value: str) -> str:
    canonical = as_uuid(value)
    if canonical is None:
        raise ValueError("Not a UUID; expected the id of a job at Apiframe.")
    return canonical


def is_idempotency_key(text: str) -> bool:
    return len(text) <= MAX_KEY and re.fullmatch(KEY, text) is not None


def is_label(name: str, value: str) -> bool:
    return bool(re.fullmatch(LABEL_NAME, name)) and len(name) <= MAX_LABEL and 1 <= len(value) <= MAX_LABEL


def _label_name(value: str) -> str:
    if not re.fullmatch(LABEL_NAME, value):
        raise ValueError("A label's name has no '=' and no control characters.")
    return value


def _few(labels: dict[str, str]) -> dict[str, str]:
    if len(labels) > MAX_LABELS:
        raise ValueError(f"{len(labels)} labels; at most {MAX_LABELS} are taken.")
    return labels


LabelText = Annotated[str, StringConstraints(min_length=1, max_length=MAX_LABEL)]
Labels = Annotated[
    dict[Annotated[LabelText, AfterValidator(_label_name)], LabelText],
    AfterValidator(_few),
]


class InpaintRequest(BaseModel):
    """As upstream spells it, so that a body written for Apiframe can be pasted; `labels` are ours."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, alias_generator=to_camel)

    action: Literal["inpaint"] = "inpaint"
    parent_job_id: Annotated[str, AfterValidator(canonical_uuid)]
    mask: str
    prompt: Annotated[str, Field(max_length=2000)] | None = None
    labels: Labels = {}


@dataclass(frozen=True)
class Submission:
    request: InpaintRequest
    mask: Mask
    digest: str
    """SHA-256 of what was asked for, for the caller's Idempotency-Key."""


class TrackRequest(BaseModel):
    """A job at Apiframe that the caller submitted itself."""

    model_config = InpaintRequest.model_config

    upstream_job_id: Annotated[str, AfterValidator(canonical_uuid)]
    labels: Labels = {}


def judge(
    document: Mapping[str, Any],
    read_mask: Callable[[], Mask] | None = None,
    wrong: Mapping[str, list[str]] | None = None,
) -> Submission:
    """The fields and the mask, whose every mistake is told at once. CPU work, for a thread. Raises InvalidInput.

    The mask is the field `mask` in base64, unless `read_mask` brings it from elsewhere. What is `wrong` already is told
    with the rest, and before what the model has to say of the same field.
    """
    text = document.get("mask")
    if read_mask is None and isinstance(text, str):
        read_mask = partial(from_base64, text)
    request, errors = _validated(InpaintRequest, document)
    try:
        mask = read_mask() if read_mask else None
    except MaskRefused as refused:
        mask, errors = None, {**errors, **refused.errors}
    errors |= wrong or {}
    if errors or request is None or mask is None:
        raise InvalidInput(errors)
    return Submission(request, mask, _digest(request, mask))


def read_model(model: type[Model], document: Mapping[str, Any]) -> Model:
    """Raises InvalidInput, by field."""
    found, errors = _validated(model, document)
    if found is None:
        raise InvalidInput(errors)
    return found


def _validated(model: type[Model], document: Mapping[str, Any]) -> tuple[Model | None, dict[str, list[str]]]:
    try:
        return model.model_validate(document), {}
    except ValidationError as error:
        errors: dict[str, list[str]] = {}
        for one in error.errors(include_url=False, include_input=False):
            errors.setdefault(str(one["loc"][0]), []).append(_message(dict(one), model))
        return None, errors


def _message(error: dict[str, Any], model: type[BaseModel]) -> str:
    match error["type"]:
        case "missing":
            return "Required."
        case "extra_forbidden":
            text = f"Unknown field; taken are {_known(model, error['loc'][:-1])}."
        case _:
            text = str(error["msg"]).removeprefix("Value error, ")
    where = ".".join(str(part) for part in error["loc"][1:] if part != "[key]")
    return f"{where}: {text}" if where else text


def _known(model: type[BaseModel], path: Sequence[str | int]) -> str:
    """The fields of the model that lies at `path` within `model`."""
    for step in path:
        fields = {to_camel(name): field.annotation for name, field in model.model_fields.items()}
        model = cast(type[BaseModel], fields[str(step)])
    return ", ".join(to_camel(name) for name in model.model_fields)


def _digest(request: InpaintRequest, mask: Mask) -> str:
    """Of the request whatever the order of its labels: some languages' maps have none."""
    asked = json.dumps(request.model_dump(exclude={"mask"}), sort_keys=True) + mask.facts.sha256
    return hashlib.sha256(asked.encode()).hexdigest()

"""The body of `POST /v1/jobs`, read and judged: everything that is wrong with it is said at once, by field."""

import hashlib
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic.alias_generators import to_camel
from pydantic_core import from_json

from tracker.errors import BadRequest, InvalidInput, MaskRefused
from tracker.ids import as_uuid
from tracker.masks import MAX_CHARS, Mask, from_base64

MAX_BODY = MAX_CHARS + 64 * 1024
MAX_LABELS = 8


def _uuid(value: str) -> str:
    canonical = as_uuid(value)
    if canonical is None:
        raise ValueError("Not a UUID; expected the job id of a finished upsample at Apiframe.")
    return canonical


def _label_name(value: str) -> str:
    if "=" in value or not value.isprintable():
        raise ValueError("A label's name has no '=' and no control characters.")
    return value


def _few(labels: dict[str, str]) -> dict[str, str]:
    if len(labels) > MAX_LABELS:
        raise ValueError(f"{len(labels)} labels; at most {MAX_LABELS} are taken.")
    return labels


LabelText = Annotated[str, StringConstraints(min_length=1, max_length=63)]
Labels = Annotated[
    dict[Annotated[LabelText, AfterValidator(_label_name)], LabelText],
    AfterValidator(_few),
]


class InpaintRequest(BaseModel):
    """As upstream spells it, so that a body written for Apiframe can be pasted; `labels` are ours."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, alias_generator=to_camel)

    action: Literal["inpaint"] = "inpaint"
    parent_job_id: Annotated[str, AfterValidator(_uuid)]
    mask: str
    prompt: Annotated[str, Field(max_length=2000)] | None = None
    labels: Labels = {}


@dataclass(frozen=True)
class Submission:
    request: InpaintRequest
    mask: Mask
    digest: str
    """SHA-256 of what was asked for, for the caller's Idempotency-Key."""


def read_submission(body: bytes) -> Submission:
    """CPU work, for a thread: decodes JSON, base64 and the image. Raises BadRequest or InvalidInput."""
    document = _document(body)
    request, errors = _request(document)
    mask = _mask(document, errors)
    if errors or request is None or mask is None:
        raise InvalidInput(errors)
    return Submission(request, mask, _digest(request, mask))


def _document(body: bytes) -> dict[str, Any]:
    try:
        document = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise BadRequest(f"The body is not JSON: {error}. A mask from GNU base64 needs -w0.") from None
    if not isinstance(document, dict):
        raise BadRequest("The body is JSON, but not an object.")
    return document


def _request(document: dict[str, Any]) -> tuple[InpaintRequest | None, dict[str, list[str]]]:
    try:
        return InpaintRequest.model_validate(document), {}
    except ValidationError as error:
        errors: dict[str, list[str]] = {}
        for one in error.errors(include_url=False, include_input=False):
            errors.setdefault(str(one["loc"][0]), []).append(_message(dict(one)))
        return None, errors


def _message(error: dict[str, Any]) -> str:
    match error["type"]:
        case "missing":
            return "Required."
        case "extra_forbidden":
            return "Unknown field; taken are parentJobId, mask, prompt, labels and action."
    text = str(error["msg"]).removeprefix("Value error, ")
    where = ".".join(str(part) for part in error["loc"][1:] if part != "[key]")
    return f"{where}: {text}" if where else text


def _mask(document: dict[str, Any], errors: dict[str, list[str]]) -> Mask | None:
    text = document.get("mask")
    if not isinstance(text, str):
        return None
    try:
        return from_base64(text)
    except MaskRefused as refused:
        errors |= refused.errors
        return None


def _digest(request: InpaintRequest, mask: Mask) -> str:
    asked = request.model_dump_json(exclude={"mask"}) + mask.facts.sha256
    return hashlib.sha256(asked.encode()).hexdigest()

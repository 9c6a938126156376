"""What the service answers, read: a model, a page's document, or the one error that the answer stands for. No I/O."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from inpaint_tracker_client.errors import REFUSALS, Problem, Refused, TrackerError, Unavailable, UnexpectedAnswer
from inpaint_tracker_client.models import Job, Wire

Model = TypeVar("Model", bound=BaseModel)
PASSING = frozenset({429})


@dataclass(frozen=True)
class Reply:
    """Header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


def read_job(reply: Reply) -> Job:
    return _read(reply, Job)


def read_page(reply: Reply, name: str, model: type[Model]) -> tuple[tuple[Model, ...], str | None]:
    """The items that lie under `name`, and the cursor of the next page."""
    document = _read(reply, _PageDocument)
    try:
        items = tuple(model.model_validate(item) for item in document.items(name))
    except (ValidationError, KeyError, TypeError):
        raise unexpected(reply) from None
    return items, document.next_cursor


class _PageDocument(Wire, extra="allow"):
    next_cursor: str | None = None

    def items(self, name: str) -> list[Any]:
        items: list[Any] = (self.model_extra or {})[name]
        return items


def _read(reply: Reply, model: type[Model]) -> Model:
    if not 200 <= reply.status < 300:
        raise error_of(reply)
    try:
        return model.model_validate_json(reply.body)
    except ValidationError:
        raise unexpected(reply) from None


def error_of(reply: Reply) -> TrackerError:
    """The error that a reply without success stands for.

    A refusal is the service's in its own words alone: a wrong host's 404 says nothing about a job. What passes (5xx,
    429) passes whoever says so.
    """
    if 400 <= reply.status < 500 and (reply.status in PASSING or _is_ours(reply)):
        return REFUSALS.get(reply.status, Refused)(read_problem(reply))
    return Unavailable(read_problem(reply)) if reply.status >= 500 else unexpected(reply)


def _is_ours(reply: Reply) -> bool:
    problem = _object(reply.body)
    return all(isinstance(problem.get(name), str) for name in ("title", "detail", "requestId"))


def read_problem(reply: Reply) -> Problem:
    """Whoever answered, a proxy's page too: what cannot be read as a problem is told by its status alone."""
    try:
        told = Problem.model_validate({**_object(reply.body), "status": reply.status})
    except ValidationError:
        told = Problem(status=reply.status)
    request_id = told.request_id or reply.headers.get("x-request-id")
    return told.model_copy(update={"request_id": request_id, "retry_after": retry_after(reply)})


def retry_after(reply: Reply) -> float | None:
    """Seconds, whether the header holds seconds or a date; None for anything else."""
    given = reply.headers.get("retry-after", "").strip()
    if given.isascii() and given.isdecimal():
        return float(given)
    try:
        moment = parsedate_to_datetime(given)
    except ValueError:
        return None
    return max(0.0, (moment.astimezone(UTC) - datetime.now(UTC)).total_seconds())


def _object(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def unexpected(reply: Reply) -> UnexpectedAnswer:
    kind = reply.headers.get("content-type", "no content type")
    return UnexpectedAnswer(f"an answer {reply.status} ({kind:.60}) that is not the service's; check the url")

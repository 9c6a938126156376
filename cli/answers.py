"""What the service answers, read: a document of the shape that the commands rely on, or one line about why not."""

from typing import Any

import httpx
from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from cli.exits import Exit, Stop
from cli.output import Job, one_line
from tracker.job import Status


class _Shape(BaseModel):
    """What else there is may be there: a newer service knows more."""

    model_config = ConfigDict(strict=True, extra="ignore", alias_generator=to_camel)


class _Result(_Shape):
    images: list[str]


class _Failure(_Shape):
    code: str
    message: str


class _Job(_Shape):
    id: str
    status: Status
    progress: int
    owner: str
    prompt: str | None
    labels: dict[str, str]
    result: _Result | None
    error: _Failure | None
    created_at: AwareDatetime


class _Jobs(_Shape):
    jobs: list[_Job]
    next_cursor: str | None


class _Events(_Shape):
    events: list[dict[str, Any]]


class _Problem(_Shape):
    type: str
    title: str
    status: int
    detail: str
    request_id: str
    errors: dict[str, list[str]] = {}


def job_of(response: httpx.Response) -> Job:
    return _document(response, _Job)


def jobs_of(response: httpx.Response) -> dict[str, Any]:
    return _document(response, _Jobs)


def events_of(response: httpx.Response) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = _document(response, _Events)["events"]
    return events


def accepted(response: httpx.Response) -> httpx.Response:
    """Raises Stop unless there is a document in it, or there is nothing new."""
    if not (response.is_success or response.status_code == httpx.codes.NOT_MODIFIED):
        raise _refusal(response)
    return response


def retry_after(response: httpx.Response) -> float:
    """Seconds; 0 where nothing is said."""
    given = response.headers.get("retry-after", "")
    return float(given) if given.isascii() and given.isdecimal() else 0.0


def _document(response: httpx.Response, shape: type[_Shape]) -> dict[str, Any]:
    try:
        shape.model_validate_json(response.content)
    except ValidationError:
        raise _not_ours(response) from None
    document: dict[str, Any] = response.json()
    return document


def _refusal(response: httpx.Response) -> Stop:
    """The problem's own words, with the request id that its log line can be found by."""
    try:
        problem = _Problem.model_validate_json(response.content)
    except ValidationError:
        return _not_ours(response)
    told = [f"{field}: {message.rstrip('.')}" for field, messages in problem.errors.items() for message in messages]
    detail = one_line(" ".join((f"{'; '.join(told)}." if told else problem.detail).split()))
    code = Exit.UNREACHABLE if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR else Exit.REFUSED
    return Stop(f"{detail} [request {one_line(problem.request_id)}]", code)


def _not_ours(response: httpx.Response) -> Stop:
    where = f"{response.url.scheme}://{response.url.netloc.decode()}"
    text = f"{where} answers HTTP {response.status_code}, but not as an inpaint-tracker does; check TRACKER_URL."
    return Stop(text, Exit.UNREACHABLE)

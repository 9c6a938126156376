"""What the service answers, read: a document of the shape that the commands rely on, or one line about why not."""

import json
from typing import Any

import httpx
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from cli.exits import Exit, Stop
from cli.output import Job, one_line
from tracker.job import Status

AGAIN = (429, 502, 503, 504)
LONGEST_PAUSE = 10.0
"""A service that asks for more patience is not waited for."""


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


class _Paused(_Shape):
    cause: str
    reason: str
    since: AwareDatetime
    by: str | None


class _Held(_Shape):
    reason: str
    seconds: float


class _Lost(_Shape):
    last_hour: int
    due: int
    rate: float | None


class _Times(_Shape):
    jobs: int
    p50: float | None
    p95: float | None
    p99: float | None


class _Day(_Shape):
    day: str
    credits: float


class _Credits(_Shape):
    today: float
    last_30_days: float = Field(alias="last30Days")
    by_day: list[_Day]


class _Minute(_Shape):
    at: AwareDatetime
    outcomes: dict[str, int]


class _Stats(_Shape):
    at: AwareDatetime
    jobs: dict[str, int]
    in_flight: int
    max_in_flight: int
    oldest_in_flight_at: AwareDatetime | None
    queue_depth: int
    queue_depth_by_owner: dict[str, int]
    webhooks_per_minute: dict[str, int]
    webhooks_by_minute: list[_Minute]
    lost_webhooks: _Lost
    time_to_complete: _Times
    credits_spent: _Credits
    paused: _Paused | None
    held: _Held | None


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


def job_in(event: str, response: httpx.Response) -> Job:
    """Out of an event of a stream, of which `response` is the head."""
    return _read(event.encode(), response, _Job)


def jobs_of(response: httpx.Response) -> dict[str, Any]:
    return _document(response, _Jobs)


def stats_of(response: httpx.Response) -> dict[str, Any]:
    return _document(response, _Stats)


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


def is_problem(response: httpx.Response) -> bool:
    """Whether it is in the service's own words."""
    try:
        _Problem.model_validate_json(response.content)
    except ValidationError:
        return False
    return True


def _document(response: httpx.Response, shape: type[_Shape]) -> dict[str, Any]:
    return _read(response.content, response, shape)


def _read(text: bytes, response: httpx.Response, shape: type[_Shape]) -> dict[str, Any]:
    try:
        shape.model_validate_json(text)
    except ValidationError:
        raise not_ours(response) from None
    document: dict[str, Any] = json.loads(text)
    return document


def _refusal(response: httpx.Response) -> Stop:
    """The problem's own words, with the request id that its log line can be found by."""
    try:
        problem = _Problem.model_validate_json(response.content)
    except ValidationError:
        return not_ours(response)
    told = [f"{field}: {message.rstrip('.')}" for field, messages in problem.errors.items() for message in messages]
    detail = one_line(" ".join((f"{'; '.join(told)}." if told else problem.detail).split()))
    code = Exit.UNREACHABLE if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR else Exit.REFUSED
    return Stop(f"{detail} [request {one_line(problem.request_id)}]", code)


def not_ours(response: httpx.Response) -> Stop:
    where = f"{response.url.scheme}://{response.url.netloc.decode()}"
    text = f"{where} answers HTTP {response.status_code}, but not as an inpaint-tracker does; check TRACKER_URL."
    return Stop(text, Exit.UNREACHABLE)

"""Everything that can go wrong, as types.

    TrackerError
    ├── NotConfigured             no url or API key, or one that cannot be right
    ├── Refused              4xx  the service says no; the same request will be refused again
    │   ├── BadRequest       400
    │   ├── Unauthenticated  401  no key, or one that nobody knows
    │   ├── Forbidden        403  the key lacks a scope
    │   ├── NotFound         404  no such job, or not yours to see
    │   ├── Conflict         409  too late to cancel; an idempotency key that was used for another request
    │   ├── TooLarge         413
    │   ├── InvalidInput     422  `errors` names each field at fault
    │   └── TooManyRequests  429  after retries: `retry_after`
    ├── Unavailable          5xx  or no answer at all, after retries; the same request may succeed later
    ├── UnexpectedAnswer          an answer that is not the service's: the url leads elsewhere
    ├── WaitTimeout               `wait` ran out of time: `job` is the last that was seen of it
    ├── ChangesMissed             by `stream`: more happened than the service keeps; list again
    └── JobFailed                 by `Job.raise_for_failure`: `job`, `code`

The two that hold a job stand beside it, in `models`.

Wrong arguments are ValueError and TypeError, as anywhere in Python, and are raised before anything is sent.
"""

from http import HTTPStatus

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Problem(BaseModel):
    """An error as the service tells it (RFC 9457). `retry_after` is in seconds."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True)

    status: int
    type: str = "about:blank"
    title: str = ""
    detail: str = ""
    errors: dict[str, list[str]] = {}
    request_id: str | None = None
    retry_after: float | None = None

    def __str__(self) -> str:
        """`422 Invalid input: mask: not an image [request 8f3a]`."""
        told = f"{self.status} {self.title or _phrase(self.status)}"
        detail = f": {self.detail}" if self.detail else ""
        return told + detail + (f" [request {self.request_id}]" if self.request_id else "")


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase if status in set(HTTPStatus) else "Unknown status"


class TrackerError(Exception):
    """Base of all. `problem` holds the service's own words where it spoke."""

    problem: Problem | None = None

    @property
    def request_id(self) -> str | None:
        """What the service's log knows the request by: name it when you ask for help."""
        return self.problem.request_id if self.problem else None

    @property
    def retry_after(self) -> float | None:
        """Seconds after which the service wants to be asked again, if it said so."""
        return self.problem.retry_after if self.problem else None


class NotConfigured(TrackerError):
    """The message says what to set. It never holds the key."""


class Refused(TrackerError):
    """The service's answer was a 4xx."""

    problem: Problem

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem

    @property
    def status(self) -> int:
        return self.problem.status

    @property
    def type(self) -> str:
        """A URI that ends in the name of the error's paragraph in the service's documentation."""
        return self.problem.type

    @property
    def title(self) -> str:
        return self.problem.title

    @property
    def detail(self) -> str:
        return self.problem.detail

    @property
    def errors(self) -> dict[str, list[str]]:
        """Messages by field or parameter, as they are spelled on the wire; empty where no field is at fault."""
        return self.problem.errors


class BadRequest(Refused): ...


class Unauthenticated(Refused): ...


class Forbidden(Refused): ...


class NotFound(Refused): ...


class Conflict(Refused): ...


class TooLarge(Refused): ...


class InvalidInput(Refused): ...


class TooManyRequests(Refused): ...


REFUSALS: dict[int, type[Refused]] = {
    400: BadRequest,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    413: TooLarge,
    422: InvalidInput,
    429: TooManyRequests,
}
"""Any other 4xx is a plain Refused."""


class Unavailable(TrackerError):
    """Made from a problem (5xx), or from the reason why there was no answer."""

    def __init__(self, reason: Problem | str) -> None:
        super().__init__(reason)
        self.problem = reason if isinstance(reason, Problem) else None

    @property
    def status(self) -> int | None:
        """None when there was no answer."""
        return self.problem.status if self.problem else None


class UnexpectedAnswer(TrackerError):
    """Usually the url leads to something else, or something in between answers in the service's place."""


class ChangesMissed(TrackerError):
    """Changes of jobs were missed while the stream was interrupted for long: `Tracker.list` tells how things stand."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail

    def __str__(self) -> str:
        return f"changes were missed: {self.detail or 'list the jobs again'}"

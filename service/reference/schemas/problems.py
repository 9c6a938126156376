"""Errors, as RFC 9457 has them."""

from service.problems import TYPE
from service.reference.schemas.words import Parts, Words
from tracker.errors import TrackerError
from tracker.job import Wire


class Problem(Wire):
    """An error, as RFC 9457 has it."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str


class FieldProblem(Problem):
    """Fields or parameters are at fault. Nothing of the request was held."""

    errors: dict[str, list[str]]


ANSWERED = (FieldProblem, Problem)
_WORDS: Words = {
    "type": {
        "description": "Leads to its paragraph; ends in a word for programs.",
        "pattern": f"^{TYPE}[a-z-]+$",
        "examples": [f"{TYPE}{TrackerError.code}"],
    },
    "title": {"description": "The same for every problem of this type."},
    "status": {"description": "The HTTP status.", "minimum": 400, "maximum": 599},
    "detail": {"description": "What is wrong here, and what to do."},
    "requestId": {"description": "As in `X-Request-ID`; the service's log has it too."},
}
PARTS: Parts = {
    "Problem": _WORDS,
    "FieldProblem": {**_WORDS, "errors": {"description": "Messages by field, parameter or header, as it was sent."}},
}

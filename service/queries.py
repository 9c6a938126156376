"""Query parameters, read strictly: what a route does not know is refused by name, never ignored."""

import base64
import binascii
from collections.abc import Collection
from dataclasses import dataclass

from starlette.requests import Request

from tracker.errors import InvalidInput
from tracker.job import Status

MAX_WAIT = 60.0
MAX_LIMIT = 100
DEFAULT_LIMIT = 20


@dataclass(frozen=True)
class Wait:
    """How long an answer is held, in seconds, and whether only a final state ends it early."""

    seconds: float = 0.0
    until_final: bool = False


def only(request: Request, known: Collection[str]) -> None:
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        text = f"Unknown parameter; this address takes {', '.join(sorted(known)) or 'none'}."
        raise InvalidInput({name: [text] for name in unknown})


def wait(request: Request) -> Wait:
    given, until = request.query_params.get("wait", "0"), request.query_params.get("until")
    if until not in (None, "final"):
        raise InvalidInput({"until": ["The one value it takes is 'final'."]})
    try:
        seconds = float(given)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= MAX_WAIT:
        raise InvalidInput({"wait": [f"Expected seconds from 0 to {MAX_WAIT:.0f}."]})
    return Wait(seconds, until == "final")


def limit(request: Request) -> int:
    given = request.query_params.get("limit", str(DEFAULT_LIMIT))
    if not (given.isascii() and given.isdecimal() and 1 <= int(given) <= MAX_LIMIT):
        raise InvalidInput({"limit": [f"Expected a whole number from 1 to {MAX_LIMIT}."]})
    return int(given)


def statuses(request: Request) -> tuple[Status, ...]:
    given = request.query_params.getlist("status")
    if unknown := [name for name in given if name not in Status.__members__]:
        raise InvalidInput({"status": [f"Unknown status {unknown[0]!r:.40}; expected {', '.join(Status)}."]})
    return tuple(Status(name) for name in dict.fromkeys(given))


def cursor(request: Request) -> str | None:
    """What `nextCursor` of the page before held. Raises InvalidInput for anything else."""
    given = request.query_params.get("cursor")
    if given is None:
        return None
    try:
        version, _, position = base64.urlsafe_b64decode(given.encode()).decode().partition(":")
    except (ValueError, binascii.Error):
        version, position = "", ""
    if version != "1" or not position:
        raise InvalidInput({"cursor": ["Not a cursor of ours; send nextCursor of the page before, unchanged."]})
    return position


def as_cursor(position: str | int | None) -> str | None:
    return None if position is None else base64.urlsafe_b64encode(f"1:{position}".encode()).decode()

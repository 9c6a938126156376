"""Query parameters, read strictly: what a route does not know is refused by name, never ignored."""

import re
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, NoReturn, TypeVar

from starlette.requests import Request

from tracker.errors import InvalidInput
from tracker.ids import as_uuid
from tracker.job import Outcome, Status
from tracker.store.deliveries import Refusal
from tracker.store.pages import Filter
from tracker.submission import LABEL_RULE, is_label

T = TypeVar("T")
MAX_WAIT = 60.0
SECONDS = re.compile(r"[0-9]{1,20}(\.[0-9]{0,20})?([eE][+-]?[0-9]{1,3})?")
"""A number as JSON has it; `float` would also take digits of other scripts, and underscores."""
MAX_LIMIT = 100
DEFAULT_LIMIT = 20
MIN_WIDTH, MAX_WIDTH = 16, 2048
REPEATABLE = ("status", "outcome")


@dataclass(frozen=True)
class Wait:
    """How long an answer is held, in seconds, and whether only a final state ends it early."""

    seconds: float = 0.0
    until_final: bool = False


def all_of(*readers: Callable[[], Any]) -> list[Any]:
    """What each of them reads. Raises InvalidInput with everything that any of them found wrong."""
    values: list[Any] = []
    errors: dict[str, list[str]] = {}
    for reader in readers:
        try:
            values.append(reader())
        except InvalidInput as error:
            errors |= error.errors
    if errors:
        raise InvalidInput(errors)
    return values


async def outcome(reading: Awaitable[T]) -> Callable[[], T]:
    """What has been read already, as a reader for `all_of`: it gives the value, or raises the InvalidInput, again."""
    try:
        value = await reading
    except InvalidInput as error:
        return partial(_raise, error)
    return lambda: value


def _raise(error: InvalidInput) -> NoReturn:
    raise error


def only(request: Request, known: Collection[str]) -> None:
    """Refuses parameters that nobody knows, and one that is given twice; `label.*` allows any label."""
    allowed = {"label.*"} & set(known)
    names = [name for name, _ in request.query_params.multi_items()]
    unknown = [name for name in names if name not in known and not (allowed and name.startswith(LABEL))]
    twice = [name for name in names if names.count(name) > 1 and name not in REPEATABLE]
    text = f"Unknown parameter; this address takes {', '.join(sorted(known)) or 'none'}."
    if errors := {key: ["Given more than once."] for key in twice} | {key: [text] for key in unknown}:
        raise InvalidInput(errors)


def wait(request: Request) -> Wait:
    return Wait(*all_of(partial(_seconds, request), partial(_until_final, request)))


def _seconds(request: Request) -> float:
    given = request.query_params.get("wait", "0")
    if not (SECONDS.fullmatch(given) and float(given) <= MAX_WAIT):
        raise InvalidInput({"wait": [f"Expected seconds from 0 to {MAX_WAIT:.0f}."]})
    return float(given)


def _until_final(request: Request) -> bool:
    until = request.query_params.get("until")
    if until not in (None, "final"):
        raise InvalidInput({"until": ["The one value it takes is 'final'."]})
    return until is not None


def limit(request: Request) -> int:
    given = request.query_params.get("limit", str(DEFAULT_LIMIT))
    if not (given.isascii() and given.isdecimal() and len(given) <= 4 and 1 <= int(given) <= MAX_LIMIT):
        raise InvalidInput({"limit": [f"Expected a whole number from 1 to {MAX_LIMIT}."]})
    return int(given)


def width(request: Request) -> int | None:
    """In pixels; None where it is not given."""
    given = request.query_params.get("width")
    if given is None:
        return None
    if not (given.isascii() and given.isdecimal() and len(given) <= 4 and MIN_WIDTH <= int(given) <= MAX_WIDTH):
        raise InvalidInput({"width": [f"Expected a whole number from {MIN_WIDTH} to {MAX_WIDTH}."]})
    return int(given)


def statuses(request: Request) -> tuple[Status, ...]:
    given = request.query_params.getlist("status")
    if unknown := [name for name in given if name not in Status.__members__]:
        raise InvalidInput({"status": [f"Unknown status {unknown[0]!r:.40}; expected {', '.join(Status)}."]})
    return tuple(status for status in Status if status in given)


REFUSED = "refused"
"""Any cause."""
WORDS: dict[str, tuple[Outcome | Refusal, ...]] = {
    **{word: (word,) for word in (*Outcome, *Refusal)},
    REFUSED: tuple(Refusal),
}


def outcomes(request: Request) -> tuple[Outcome | Refusal, ...]:
    given = request.query_params.getlist("outcome")
    if unknown := [name for name in given if name not in WORDS]:
        raise InvalidInput({"outcome": [f"Unknown outcome {unknown[0]!r:.40}; expected {', '.join(WORDS)}."]})
    return tuple(sorted({word for name in given for word in WORDS[name]}))


LABEL = "label."
EARLIEST, LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)


def job_filter(request: Request, only_owner: str | None) -> Filter:
    """The list's filters. A caller who sees only his own gets none of anybody else's, whatever he asks for."""
    found, owner, parent_id, wanted, after, before = all_of(
        partial(statuses, request),
        partial(owner_of, request),
        partial(uuid, request, "parentJobId"),
        partial(labels, request),
        partial(moment, request, "createdAfter"),
        partial(moment, request, "createdBefore"),
    )
    return Filter(
        statuses=found, owner=only_owner or owner, parent_job_id=parent_id, labels=wanted,
        created_after=after, created_before=before,
    )  # fmt: skip


def owner_of(request: Request) -> str | None:
    """An empty one is a variable that was never set, and not everybody."""
    given = request.query_params.get("owner")
    if given == "":
        raise InvalidInput({"owner": ["It is empty; leave it out to see everybody's."]})
    return given


def labels(request: Request) -> tuple[tuple[str, str], ...]:
    given = {name.removeprefix(LABEL): value for name, value in request.query_params.items() if name.startswith(LABEL)}
    if wrong := [name for name, value in given.items() if not is_label(name, value)]:
        raise InvalidInput({LABEL + name: [f"No job can have this label: {LABEL_RULE}"] for name in wrong})
    return tuple(sorted(given.items()))


def uuid(request: Request, name: str) -> str | None:
    given = request.query_params.get(name)
    canonical = as_uuid(given) if given is not None else None
    if given is not None and canonical is None:
        raise InvalidInput({name: ["Not a UUID."]})
    return canonical


def moment(request: Request, name: str) -> datetime | None:
    given = request.query_params.get(name)
    try:
        return as_moment(given.replace(" ", "+")) if given is not None else None  # an unencoded '+' arrives as a blank
    except ValueError as error:
        raise InvalidInput({name: [str(error)]}) from None


def as_moment(given: Any) -> datetime:
    """A time as callers write it, within what jobs' ids can hold. Raises ValueError for everything else."""
    try:
        found = datetime.fromisoformat(given.upper())
        known = (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
        return min(max(known, EARLIEST), LATEST)
    except (AttributeError, ValueError, OverflowError):
        raise ValueError("Expected a time as in 2026-03-15T10:00:32.000Z.") from None

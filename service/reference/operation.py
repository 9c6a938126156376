"""What an operation is told by: whose it is, what it takes and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tracker.errors import TrackerError

JSON = "application/json"


@dataclass(frozen=True)
class Media:
    """A body: the name of its schema, and examples by name."""

    schema: str
    examples: Mapping[str, Any] = field(default_factory=dict)
    encoding: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Answer:
    text: str
    media: Mapping[str, Media | None] = field(default_factory=dict)
    headers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Operation:
    """`refusals` are those of its own; what every guarded route refuses is added."""

    id: str
    tag: str
    answers: Mapping[int, Answer]
    parameters: tuple[str, ...] = ()
    body: Mapping[str, Media] | None = None
    refusals: tuple[type[TrackerError], ...] = ()
    about: str = ""
    """Ends the summary, where one endpoint serves two routes."""
    body_required: bool = True


def page(schema: str, name: str, items: list[dict[str, Any]]) -> Answer:
    return Answer("A page.", {JSON: Media(schema, {"last": {name: items, "nextCursor": None, "hasMore": False}})})

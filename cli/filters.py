"""Which jobs: the filters of `list` and `watch`, read as people write them."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from cli.options import Labels, labels_of, text, upsample
from tracker.job import Status

__all__ = ["After", "Before", "Filters", "Labels", "Owner", "Parent", "Statuses", "filters_of", "statuses_of"]

Filters = list[tuple[str, str]]
"""As the service is asked."""
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_STATUSES = f"Repeatable: {', '.join(Status).lower()}."
_MOMENT = "A time (UTC unless it says otherwise), or how long ago: 30m, 2h, 7d."


def _moment(given: str | None) -> str | None:
    """As the service is asked. Raises BadParameter for what is neither a time nor a span."""
    if given is None:
        return None
    try:
        return _read(given.strip()).astimezone(UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError):
        expected = "neither a time, as in 2026-03-15T10:00, nor how long ago, as in 2h"
        raise typer.BadParameter(f"{given!r} is {expected}.") from None


def _read(given: str) -> datetime:
    if span := re.fullmatch(r"(\d{1,4})([smhdw])", given):
        return datetime.now(UTC) - timedelta(**{_UNITS[span[2]]: int(span[1])})
    found = datetime.fromisoformat(given.upper())
    return found if found.tzinfo else found.replace(tzinfo=UTC)


Statuses = Annotated[list[Status] | None, typer.Option(help=_STATUSES, case_sensitive=False, metavar="STATUS")]
Owner = Annotated[str | None, typer.Option(help="The name of the key that submitted.", metavar="NAME", callback=text)]
Parent = Annotated[str | None, typer.Option(help="Made from this upsample.", metavar="ID", callback=upsample)]
After = Annotated[str | None, typer.Option(help=f"Created after. {_MOMENT}", metavar="WHEN", callback=_moment)]
Before = Annotated[str | None, typer.Option(help="Created before; likewise.", metavar="WHEN", callback=_moment)]


def filters_of(
    owner: str | None, parent: str | None, label: list[str] | None, after: str | None, before: str | None
) -> Filters:
    """All but the status. Raises Stop for a label that is none."""
    asked = {"owner": owner, "parentJobId": parent, "createdAfter": after, "createdBefore": before}
    asked |= {f"label.{name}": value for name, value in labels_of(label).items()}
    return [(name, value) for name, value in asked.items() if value is not None]


def statuses_of(given: list[Status] | None) -> Filters:
    return [("status", one.value) for one in dict.fromkeys(given or [])]

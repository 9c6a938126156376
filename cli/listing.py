"""`list`: a table on a terminal, aligned lines elsewhere, one document for scripts."""

import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from cli.api import Job, connect
from cli.bars import COLOURS
from cli.config import caller_settings
from cli.options import AsJson, ConfigFile, Labels, Url, labels_of, text, upsample
from cli.output import Screen, one_line, say, say_json
from tracker.job import Status

DEFAULT_LIMIT = 20
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


def list_jobs(
    status: Annotated[list[Status] | None, typer.Option(help=_STATUSES, case_sensitive=False, metavar="STATUS")] = None,
    owner: Annotated[
        str | None, typer.Option(help="The name of the key that submitted.", metavar="NAME", callback=text)
    ] = None,
    parent: Annotated[
        str | None, typer.Option(help="Made from this upsample.", metavar="ID", callback=upsample)
    ] = None,
    label: Labels = None,
    after: Annotated[
        str | None, typer.Option(help=f"Created after. {_MOMENT}", metavar="WHEN", callback=_moment)
    ] = None,
    before: Annotated[
        str | None, typer.Option(help="Created before; likewise.", metavar="WHEN", callback=_moment)
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="As many at most.", metavar="N")] = DEFAULT_LIMIT,
    everything: Annotated[bool, typer.Option("--all", help="Every one there is.")] = False,
    as_json: AsJson = False,
    url: Url = None,
    config: ConfigFile = None,
) -> None:
    """Lists jobs, newest first."""
    asked = {"owner": owner, "parentJobId": parent, "createdAfter": after, "createdBefore": before}
    asked |= {f"label.{name}": value for name, value in labels_of(label).items()}
    filters = [("status", one.value) for one in dict.fromkeys(status or [])]
    filters += [(name, value) for name, value in asked.items() if value is not None]
    with connect(caller_settings(url, config)) as api:
        _show(api.jobs(filters, None if everything else limit), as_json, None if everything else limit)


def _show(jobs: Iterator[Job], as_json: bool, limit: int | None) -> None:
    found, screen = list(jobs), Screen()
    if as_json:
        say_json({"jobs": found})
    elif not screen.is_terminal:
        for line in _lines(found):
            say(line)
    else:
        screen.print(_table(found) if found else "No such jobs.")
        if len(found) == limit:
            print(f"The newest {limit}; more with --limit or --all.", file=sys.stderr)


def _table(jobs: list[Job]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold dim")
    for name in ("ID", "STATUS", "%", "AGE", "OWNER"):
        table.add_column(name, no_wrap=True, justify="right" if name in ("%", "AGE") else "left")
    table.add_column("PROMPT, LABELS", overflow="ellipsis")  # alone in giving way where the terminal is narrow
    now = datetime.now(UTC)
    for job in jobs:
        status = Text(job["status"], COLOURS[job["status"]])
        owner, words = Text(job["owner"]), Text(_words(job), no_wrap=True, overflow="ellipsis")
        table.add_row(job["id"], status, str(job["progress"]), age(job["createdAt"], now), owner, words)
    return table


def _lines(jobs: list[Job]) -> Iterator[str]:
    """Columns that `awk` and `cut` can rely on: no blanks but in the last."""
    width = max((len(job["owner"]) for job in jobs), default=0)
    for job in jobs:
        line = f"{job['id']}  {job['status']:10}  {job['progress']:3}  {job['createdAt']}  {job['owner']:{width}}"
        yield f"{line}  {_words(job)}".rstrip()


def _words(job: Job) -> str:
    labels = [f"{name}={value}" for name, value in job["labels"].items()]
    return one_line("  ".join([job["prompt"] or "-", *labels]))


def age(moment: str, now: datetime) -> str:
    """In the unit that `--after` takes, too."""
    seconds = max(0, int((now - datetime.fromisoformat(moment)).total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"

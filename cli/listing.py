"""`list`: a table on a terminal, aligned lines elsewhere, one document for scripts."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from cli.api import Job, connect
from cli.bars import COLOURS
from cli.config import caller_settings
from cli.filters import After, Before, Labels, Owner, Parent, Statuses, filters_of, statuses_of
from cli.options import AsJson, ConfigFile, Url
from cli.output import say, say_json, words_of
from cli.screen import Screen

DEFAULT_LIMIT = 20


def list_jobs(
    status: Statuses = None,
    owner: Owner = None,
    parent: Parent = None,
    label: Labels = None,
    after: After = None,
    before: Before = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="As many at most.", metavar="N")] = DEFAULT_LIMIT,
    everything: Annotated[bool, typer.Option("--all", help="Every one there is.")] = False,
    as_json: AsJson = False,
    url: Url = None,
    config: ConfigFile = None,
) -> None:
    """Lists jobs, newest first."""
    filters = [*statuses_of(status), *filters_of(owner, parent, label, after, before)]
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
        owner, words = Text(job["owner"]), Text(words_of(job), no_wrap=True, overflow="ellipsis")
        table.add_row(job["id"], status, str(job["progress"]), age(job["createdAt"], now), owner, words)
    return table


def _lines(jobs: list[Job]) -> Iterator[str]:
    """Columns that `awk` and `cut` can rely on: no blanks but in the last."""
    width = max((len(job["owner"]) for job in jobs), default=0)
    for job in jobs:
        line = f"{job['id']}  {job['status']:10}  {job['progress']:3}  {job['createdAt']}  {job['owner']:{width}}"
        yield f"{line}  {words_of(job)}".rstrip()


def age(moment: str, now: datetime) -> str:
    """In the unit that `--after` takes, too."""
    seconds = max(0, int((now - datetime.fromisoformat(moment)).total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"

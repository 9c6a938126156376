"""A bar for each job on a terminal; a plain line for each change elsewhere."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from rich.console import Console, Group, JustifyMethod
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from cli.output import Job, words_of
from tracker.job import Status

COLOURS = {"PENDING": "dim", "QUEUED": "yellow", "PROCESSING": "cyan", "COMPLETED": "green", "FAILED": "red",
           "CANCELLED": "magenta"}  # fmt: skip
_BESIDE = 33
"""Columns that are neither title nor bar nor words."""
_BAR = (10, 32)
_WORDS = 12
"""Fewer columns are not worth it."""
_MOST_ENDED = 200
"""Rows; more fit on no terminal."""
_MOST_LINES = 10_000


@dataclass(frozen=True)
class _Row:
    """`turn` counts the changes of all jobs: the last one has the highest."""

    title: str
    job: Job
    turn: int

    @property
    def ended(self) -> bool:
        return Status(self.job["status"]).is_final


class JobBars:
    """`show` takes a job as the API gives it, under a title of the caller's.

    As many bars as the terminal has rows, those of running jobs first, and a line about the others; they lie in the
    order of `titles` where that is known. `for_ever`: jobs come and go, so there is always that line.
    """

    def __init__(self, console: Console, titles: Sequence[str] = (), *, for_ever: bool = False) -> None:
        self._console = console
        self._titles = titles
        self._for_ever = for_ever
        self._rows: dict[str, _Row] = {}
        self._gone: Counter[str] = Counter()
        self._turn = 0
        self._lines: dict[str, str] = {}
        self._draws = console.is_terminal and not console.is_dumb_terminal
        self._live = Live(console=console, get_renderable=self._drawn, refresh_per_second=8)

    def __enter__(self) -> Self:
        if self._draws:
            self._live.start(refresh=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self._draws:
            self._live.stop()

    def show(self, title: str, job: Job) -> None:
        if self._draws:
            self._keep(title, job)
        else:
            self._say(title, f"{title}  {job['status']:10} {job['progress']:3} %")

    def _say(self, title: str, line: str) -> None:
        if line == self._lines.pop(title, None):
            self._lines[title] = line
            return
        self._lines[title] = line
        if len(self._lines) > _MOST_LINES:
            del self._lines[next(iter(self._lines))]
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def _keep(self, title: str, job: Job) -> None:
        self._turn += 1
        rows = {**self._rows, title: _Row(title, job, self._turn)}
        ended = sorted((row for row in rows.values() if row.ended), key=lambda row: row.turn)
        for row in ended[:-_MOST_ENDED] if self._for_ever else ():
            self._gone[row.job["status"]] += 1
            del rows[row.title]
        known = {title: rows.pop(title) for title in self._titles if title in rows}
        self._rows = known | rows  # all at once: another thread draws

    def _drawn(self) -> Group:
        rows = list(self._rows.values())
        shown = _those_that_fit(rows, max(1, self._console.height - 2))
        parts: list[Any] = [self._table(shown)] if shown else []
        if self._for_ever or len(shown) < len(rows):
            counts = self._gone + Counter(row.job["status"] for row in rows)
            parts.append(Text(_summary(counts, len(shown)), "dim", no_wrap=True, overflow="ellipsis"))
        return Group(*parts)

    def _table(self, rows: Sequence[_Row]) -> Table:
        """The title gives way where the terminal is narrow; words fill what is left where it is wide."""
        room = self._console.width - _BESIDE
        title = max(1, min(max(len(row.title) for row in rows), room - _BAR[0]))
        bar = max(_BAR[0], min(_BAR[1], room - title, (room - title) // 2 if self._for_ever else room))
        words = room - title - bar - 2 if self._for_ever else 0
        table = Table.grid(padding=(0, 2, 0, 0))
        for width, justify in _columns(title, bar):
            table.add_column(width=width, no_wrap=True, overflow="ellipsis", justify=justify)
        if words >= _WORDS:
            table.add_column(width=words, no_wrap=True, overflow="ellipsis")
        now = datetime.now(UTC)
        for row in rows:
            cells = (Text(row.title), *_figures(row.job, bar, now), Text(words_of(row.job), "dim"))
            table.add_row(*cells[: len(table.columns)])
        return table


def _columns(title: int, bar: int) -> tuple[tuple[int, JustifyMethod], ...]:
    return (title, "left"), (bar, "left"), (5, "right"), (10, "left"), (8, "right")


def _those_that_fit(rows: Sequence[_Row], room: int) -> list[_Row]:
    """In the order in which they came, so that no row changes places with another."""
    by_need = sorted(rows, key=lambda row: (row.ended, -row.turn if row.ended else 0))
    chosen = {row.title for row in by_need[:room]}
    return [row for row in rows if row.title in chosen]


def _figures(job: Job, bar: int, now: datetime) -> tuple[ProgressBar, str, Text, str]:
    colour = COLOURS[job["status"]]
    done = 100 if job["status"] == "COMPLETED" else job["progress"]
    drawn = ProgressBar(total=100, completed=done, width=bar, complete_style=colour, finished_style=colour)
    return drawn, f"{done} %", Text(job["status"], colour), _lasted(job, now)


def _lasted(job: Job, now: datetime) -> str:
    """From its creation to its end, or until now."""
    end = datetime.fromisoformat(job["completedAt"]) if job.get("completedAt") else now
    minutes, seconds = divmod(max(0, int((end - datetime.fromisoformat(job["createdAt"])).total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours < 100 else f"{hours // 24}d"


def _summary(counts: Counter[str], shown: int) -> str:
    total = counts.total()
    if not total:
        return "No such job runs; waiting for one. Ctrl-C ends this."
    told = ", ".join(f"{counts[status]} {status.lower()}" for status in Status if counts[status])
    hidden = f"; {total - shown} not shown" if total > shown else ""
    return f"{total} job{'s' if total > 1 else ''}: {told}{hidden}"

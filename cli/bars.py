"""A bar for each job on a terminal; a plain line for each change elsewhere."""

from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

COLOURS = {"PENDING": "dim", "QUEUED": "yellow", "PROCESSING": "cyan", "COMPLETED": "green", "FAILED": "red",
           "CANCELLED": "magenta"}  # fmt: skip


class JobBars:
    """`show` takes a job as the API gives it, under a title of the caller's."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._tasks: dict[str, TaskID] = {}
        self._last: dict[str, str] = {}
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=32),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[status]}"),
            TimeElapsedColumn(),
            console=console,
        )

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._progress.stop()

    def show(self, title: str, job: dict[str, Any]) -> None:
        if self._console.is_terminal:
            self._draw(title, job)
        elif (line := f"{title}  {job['status']:10} {job['progress']:3} %") != self._last.get(title):
            self._last[title] = line
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def _draw(self, title: str, job: dict[str, Any]) -> None:
        if title not in self._tasks:
            self._tasks[title] = self._progress.add_task(title, total=100, status="")
        status = job["status"]
        done = 100 if status == "COMPLETED" else job["progress"]
        self._progress.update(
            self._tasks[title], completed=done, status=f"[{COLOURS[status]}]{status:10}[/]", refresh=True
        )
        if status in ("COMPLETED", "FAILED", "CANCELLED"):
            self._progress.stop_task(self._tasks[title])

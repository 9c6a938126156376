"""What is drawn of jobs: bars that fit on the terminal, or lines."""

import io
from typing import Any

import pytest
from rich.console import Console

from cli.bars import JobBars
from cli.output import Job
from tests.cli.terminal import screen_of

JOB: Job = {"status": "PROCESSING", "progress": 40, "prompt": "a kite over the hills", "labels": {"order": "8"},
            "createdAt": "2026-03-15T10:00:00.000Z", "completedAt": "2026-03-15T11:02:03.000Z"}  # fmt: skip
ID = "0198c5a0-0000-7000-8000-00000000000{}"


def last_picture(jobs: list[tuple[str, Job]], width: int = 80, height: int = 24, **options: Any) -> list[str]:
    screen = Console(file=io.StringIO(), width=width, height=height, force_terminal=True, color_system="standard")
    with JobBars(screen, **options) as bars:
        for title, job in jobs:
            bars.show(title, job)
    assert isinstance(screen.file, io.StringIO)
    written = screen.file.getvalue()
    assert written.endswith("\x1b[?25h")
    return screen_of(written)


@pytest.mark.parametrize(("width", "bar", "words"), [(80, 10, ""), (120, 25, "a kite over the hills  …"), (48, 10, "")])
def test_a_row_fits_whatever_the_width(width: int, bar: int, words: str) -> None:
    """The title gives way on a narrow terminal, the words on one that is not wide."""
    [row, count] = last_picture([(ID.format(1), JOB)], width, for_ever=True)[-2:]
    assert len(row) <= width
    assert row.count("━") + row.count("╸") + row.count("╺") == bar
    assert "40 %  PROCESSING   1:02:03" in row
    assert row.endswith(words or "1:02:03")
    assert row.startswith(ID.format(1) if width > 48 else "01")
    assert count == "1 job: 1 processing"


def test_rows_are_in_the_order_that_was_asked_for() -> None:
    """Whichever of them comes first."""
    rows = last_picture([("b", JOB), ("a", JOB), ("c", JOB)], titles=["a", "b", "c"])
    assert [row.split()[0] for row in rows[-3:]] == ["a", "b", "c"]


def test_what_runs_has_the_rows_and_the_latest_end_comes_next() -> None:
    """In the order in which they came."""
    ended = {**JOB, "status": "COMPLETED"}
    jobs = [(f"e{n}", ended) for n in range(4)] + [(f"r{n}", JOB) for n in range(2)]
    rows = last_picture(jobs, height=5)
    assert [row.split()[0] for row in rows[-4:-1]] == ["e3", "r0", "r1"]
    assert rows[-1] == "6 jobs: 2 processing, 4 completed; 3 not shown"


def test_those_that_ended_long_ago_are_counted_and_forgotten() -> None:
    """A terminal may stay open for weeks."""
    rows = last_picture([(f"e{n}", {**JOB, "status": "FAILED"}) for n in range(1_000)], height=5, for_ever=True)
    assert rows[-1] == "1000 jobs: 1000 failed; 997 not shown"


def test_nothing_yet_is_said_to_be_nothing() -> None:
    """So that nobody wonders."""
    assert last_picture([], for_ever=True)[-1] == "No such job runs; waiting for one. Ctrl-C ends this."


@pytest.mark.parametrize("kind", ["a file", "a dumb terminal"])
def test_elsewhere_a_change_is_a_line(kind: str) -> None:
    """Said once, and again when the job has moved."""
    written = io.StringIO()
    given: dict[str, Any] = {"force_terminal": True, "_environ": {"TERM": "dumb"}} if kind == "a dumb terminal" else {}
    with JobBars(Console(file=written, width=20, **given)) as bars:
        for job in (JOB, JOB, {**JOB, "progress": 50}, JOB):
            bars.show("a [bold] title that is long", job)
    assert [line[-16:] for line in written.getvalue().splitlines()] == [
        "PROCESSING  40 %", "PROCESSING  50 %", "PROCESSING  40 %"
    ]  # fmt: skip
    assert all(line.startswith("a [bold] title") for line in written.getvalue().splitlines())

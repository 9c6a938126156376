"""Bars of a small chart: where each stands, what it says, and the whole in a sentence for those who do not see it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT, GAP = 600, 96, 2
LEAST = 1.5
"""Height of a bar that stands for something, however little."""


@dataclass(frozen=True)
class Bar:
    """In units of the chart's view box; `title` is what it says."""

    x: float
    y: float
    width: float
    height: float
    title: str


@dataclass(frozen=True)
class Chart:
    width: int
    height: int
    bars: Sequence[Bar]
    rows: Sequence[tuple[str, float]]
    top: float
    """The largest value."""
    sentence: str


def bars(rows: Sequence[tuple[str, float]], say: Callable[[float], str]) -> Chart:
    """`rows`: what each bar is called, and its value, in order."""
    top = max((value for _, value in rows), default=0)
    step = WIDTH / max(1, len(rows))
    drawn = [_bar(n, step, value, top, f"{name}: {say(value)}") for n, (name, value) in enumerate(rows)]
    return Chart(WIDTH, HEIGHT, drawn, rows, top, _sentence(rows, top, say))


def _bar(n: int, step: float, value: float, top: float, title: str) -> Bar:
    height = max(LEAST, HEIGHT * value / top) if value else 0
    return Bar(round(n * step, 2), round(HEIGHT - height, 2), round(max(1.0, step - GAP), 2), round(height, 2), title)


def _sentence(rows: Sequence[tuple[str, float]], top: float, say: Callable[[float], str]) -> str:
    if not rows or not top:
        return "Nothing in this time."
    peak = next(name for name, value in rows if value == top)
    total = sum(value for _, value in rows)
    return f"{rows[0][0]} to {rows[-1][0]}: {say(total)} in all, most at {peak}, with {say(top)}."

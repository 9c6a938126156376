"""What a measurement comes to, beside what is asked of it; how large it is made; and rounds that take turns."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import TypeVar

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

T = TypeVar("T")


@dataclass(frozen=True)
class Scale:
    """`rounds` of each, `noisy` ones of deliveries by one process, in whose tails a machine's own work shows most;
    `jobs` in the traffic of one, `seconds` of one at a fixed rate, `many` jobs in Redis, `lives` jobs whose memory is
    measured, `listeners` of streams, so many service `processes` at most."""

    rounds: int = 5
    noisy: int = 15
    jobs: int = 1_000
    seconds: float = 4.0
    many: int = 1_000_000
    lives: int = 10_000
    listeners: int = 1_000
    processes: int = 4


QUICK = Scale(rounds=2, noisy=2, jobs=50, seconds=1.5, many=3_000, lives=200, listeners=100, processes=2)
"""Shows that everything runs; its figures are rough."""


@dataclass(frozen=True)
class Measure:
    """`must` and `aim` are bounds above, or below where more is better; None where nothing is asked."""

    what: str
    figure: float
    must: float | None = None
    aim: float | None = None
    more_is_better: bool = False
    unit: str = ""

    @property
    def met(self) -> str:
        """`aim`, `must`, `missed`, or nothing."""
        if self.must is None:
            return ""
        if self.aim is not None and self._keeps(self.aim):
            return "aim"
        return "must" if self._keeps(self.must) else "missed"

    def _keeps(self, bound: float) -> bool:
        return self.figure >= bound if self.more_is_better else self.figure <= bound

    def row(self) -> tuple[str, ...]:
        """As the table has it."""
        sign = "≥" if self.more_is_better else "≤"
        bounds = ("" if bound is None else f"{sign} {_shown(bound)}{self.unit}" for bound in (self.must, self.aim))
        return (self.what, f"{_shown(self.figure)}{self.unit}", *bounds, self.met)

    @property
    def ahead(self) -> float | None:
        """How many times better than it must be; below 1, worse. None where nothing is asked, or there is no number."""
        if not (self.must and self.figure):
            return None
        return self.figure / self.must if self.more_is_better else self.must / self.figure

    @property
    def aim_ahead(self) -> float | None:
        """The same of the aim."""
        return replace(self, figure=self.aim).ahead if self.aim else None


Bench = Callable[[Console, Scale], list[Measure]]


def summary(measures: Sequence[Measure]) -> Table:
    """One table of all."""
    table = Table(title="Ours, each a ratio within one run where no unit stands")
    for column in ("measure", "figure", "must", "aim", "met"):
        table.add_column(
            column, justify="left" if column in ("measure", "met") else "right", no_wrap=column != "measure"
        )
    for measure in measures:
        table.add_row(*measure.row(), style="red" if measure.met == "missed" else None)
    return table


def _shown(figure: float) -> str:
    return f"{figure:,.0f}" if figure >= 50 or figure == int(figure) else f"{figure:.2f}"


async def in_turn(
    console: Console, rounds: int, kinds: Mapping[str, Callable[[], Awaitable[T]]], what: str
) -> dict[str, list[T]]:
    """Every kind once a round, the order turned by one each time, so that none always comes first."""
    found: dict[str, list[T]] = {name: [] for name in kinds}
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task(what, total=rounds * len(kinds))
        for number in range(rounds):
            names = list(kinds)
            for name in names[number % len(names) :] + names[: number % len(names)]:
                found[name].append(await kinds[name]())
                progress.advance(task)
    return found


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of what each round has."""
    return median(mine / other for mine, other in zip(ours, theirs, strict=True))


def spread(figures: Sequence[float], digits: int = 0) -> str:
    """The median, and from where to where."""
    shown = (f"{figure:,.{digits}f}" for figure in (median(figures), min(figures), max(figures)))
    return "{} ({} to {})".format(*shown)

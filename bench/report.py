"""The table and the picture of docs/performance.md, out of what was measured."""

import re
from collections.abc import Sequence
from html import escape
from math import log2
from pathlib import Path

from bench.measures import Measure

PAGE, PICTURE = Path("docs/performance.md"), Path("docs/performance.svg")
_PLACE = re.compile(r"(<!-- figures -->\n).*?(<!-- end of figures -->)", re.DOTALL)
WIDTH, LEFT, ROW, TOP = 900, 500, 26, 44
DOUBLING = 64
"""Pixels for each factor of two; bars begin at what must be."""
REACH = 2.5
"""Doublings to each side; what is further is drawn there."""
COLOURS = {"aim": "#1a7f64", "must": "#4f8fba", "missed": "#c2543d"}
STYLE = """text { font: 13px system-ui, sans-serif; fill: #24292f } .small { font-size: 11px; fill: #57606a }
line { stroke: #8c959f } .aim { stroke-width: 2 }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .small { fill: #9da7b1 } }"""


def into_docs(measures: Sequence[Measure]) -> None:
    """Replaces the figures that stand there."""
    page = PAGE.read_text("utf-8")
    PAGE.write_text(_PLACE.sub(lambda found: found[1] + markdown(measures) + found[2], page), "utf-8")
    PICTURE.write_text(svg(measures), "utf-8")


def markdown(measures: Sequence[Measure]) -> str:
    """The picture and a table."""
    rows = [
        f"![Each measure against what it must be]({PICTURE.name})",
        "",
        "| measure | figure | must | aim | met |",
        "|---|---:|---:|---:|---|",
    ]
    rows += [f"| {' | '.join(measure.row())} |" for measure in measures]
    return "\n".join(rows) + "\n"


def svg(measures: Sequence[Measure]) -> str:
    """A bar for each measure that something is asked of: to the right of the line is better than it must be."""
    shown = [measure for measure in measures if measure.ahead is not None]
    height, line = TOP + ROW * len(shown) + 8, _at(1.0)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
        "<title>Each measure against what it must be</title>", f"<style>{STYLE}</style>",
        f'<text class="small" x="{line + 6}" y="16">better than it must be</text>',
        f'<text class="small" x="{line + 6}" y="32">the mark is the aim</text>',
        *(_bar(measure, TOP + ROW * number) for number, measure in enumerate(shown)),
        f'<line x1="{line}" x2="{line}" y1="6" y2="{height - 6}"/>', "</svg>",
    ]  # fmt: skip
    return "\n".join(parts) + "\n"


def _at(ahead: float) -> float:
    middle = LEFT + REACH * DOUBLING
    return round(middle + DOUBLING * max(-REACH, min(REACH, log2(ahead))), 1)


def _bar(measure: Measure, y: int) -> str:
    start, end = sorted((_at(1.0), _at(measure.ahead or 1.0)))
    aim = measure.aim_ahead
    mark = f'<line class="aim" x1="{_at(aim)}" x2="{_at(aim)}" y1="{y}" y2="{y + 18}"/>' if aim else ""
    return (
        f'<text x="8" y="{y + 14}">{escape(measure.what)}</text>'
        f'<text x="{LEFT - 8}" y="{y + 14}" text-anchor="end">{escape(measure.row()[1])}</text>'
        f'<rect x="{start}" y="{y + 2}" width="{max(end - start, 1):.1f}" height="14" rx="2" '
        f'fill="{COLOURS[measure.met]}"/>{mark}'
    )

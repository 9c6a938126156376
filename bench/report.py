"""The table and the picture of docs/performance.md, out of what was measured."""

import re
from collections.abc import Sequence
from html import escape
from math import log2
from pathlib import Path

from bench.measures import Measure

PAGE, PICTURE = Path("docs/performance.md"), Path("docs/performance.svg")
_PLACE = re.compile(r"(<!-- figures -->\n).*?(<!-- end of figures -->)", re.DOTALL)
WIDTH, FIGURES, MIDDLE, ROW, TOP, FOOT = 960, 505, 620, 26, 34, 40
"""Pixels; figures end at one, and bars begin at the other, which is what must be."""
DOUBLING = 106
"""Pixels for each factor of two."""
WORST, BEST = 0.5, 8.0
"""What is further is drawn there."""
GRID = {0.5: "half as good", 1.0: "must", 2.0: "twice as good", 4.0: "4 times", 8.0: "8 times"}
COLOURS = {"aim": "#1f9d76", "must": "#4a8fc7", "missed": "#d1543c"}
LEGEND = {"aim": "as good as the aim, which is the mark", "must": "as good as it must be", "missed": "not yet"}
STYLE = """text { font: 13px system-ui, sans-serif; fill: #24292f } .small { font-size: 11px; fill: #57606a }
.figure { font-weight: 600 } .row { fill: #8c959f; fill-opacity: .09 } line { stroke: #8c959f; stroke-opacity: .35 }
.must { stroke-opacity: 1 } .aim { stroke: #24292f; stroke-width: 2; stroke-opacity: 1 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .small { fill: #9da7b1 } .aim { stroke: #e6edf3 } }"""


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
    end = TOP + ROW * len(shown)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {end + FOOT}" role="img">',
        "<title>Each measure against what it must be</title>", f"<style>{STYLE}</style>",
        *(_stripe(TOP + ROW * number) for number in range(0, len(shown), 2)),
        *(_grid(ahead, words, end) for ahead, words in GRID.items()),
        *(_bar(measure, TOP + ROW * number) for number, measure in enumerate(shown)),
        *(_key(number, met, end + 16) for number, met in enumerate(LEGEND)), "</svg>",
    ]  # fmt: skip
    return "\n".join(parts) + "\n"


def _at(ahead: float) -> float:
    return round(MIDDLE + DOUBLING * log2(max(WORST, min(BEST, ahead))), 1)


def _grid(ahead: float, words: str, end: int) -> str:
    x, which, side = _at(ahead), "must" if ahead == 1 else "grid", "end" if ahead == BEST else "middle"
    return (
        f'<line class="{which}" x1="{x}" x2="{x}" y1="{TOP - 6}" y2="{end}"/>'
        f'<text class="small" x="{x}" y="{TOP - 14}" text-anchor="{side}">{words}</text>'
    )


def _stripe(y: int) -> str:
    return f'<rect class="row" x="0" y="{y}" width="{WIDTH}" height="{ROW}"/>'


def _bar(measure: Measure, y: int) -> str:
    start, end = sorted((_at(1.0), _at(measure.ahead or 1.0)))
    aim = measure.aim_ahead
    mark = f'<line class="aim" x1="{_at(aim)}" x2="{_at(aim)}" y1="{y + 4}" y2="{y + 22}"/>' if aim else ""
    return (
        f'<text x="8" y="{y + 17}">{escape(measure.what)}</text>'
        f'<text class="figure" x="{FIGURES}" y="{y + 17}" text-anchor="end">{escape(measure.row()[1])}</text>'
        f'<rect x="{start}" y="{y + 6}" width="{max(end - start, 2):.1f}" height="14" rx="2" '
        f'fill="{COLOURS[measure.met]}"/>{mark}'
    )


def _key(number: int, met: str, y: int) -> str:
    x = 8 + 250 * number
    return (
        f'<rect x="{x}" y="{y - 1}" width="14" height="10" rx="2" fill="{COLOURS[met]}"/>'
        f'<text class="small" x="{x + 20}" y="{y + 8}">{LEGEND[met]}</text>'
    )

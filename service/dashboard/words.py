"""How values read on a page: ages, spans, sizes, shares. `static/words.js` has those that go on while one looks."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

_STEPS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_SIZES = ("B", "KiB", "MiB", "GiB", "TiB")


def span(seconds: float | timedelta) -> str:
    """The largest unit that fits: `45 s`, `12 min`, `3 h`, `2 d`."""
    whole = int(seconds.total_seconds() if isinstance(seconds, timedelta) else seconds)
    for size, unit in _STEPS:
        if whole >= size:
            return f"{whole // size} {unit}"
    return "0 s"


def age(moment: datetime, now: datetime) -> str:
    return span(max(timedelta(), now - moment))


def left(moment: datetime, now: datetime) -> str:
    return span(moment - now) if moment > now else "over"


def iso(moment: datetime) -> str:
    """As `<time datetime>` wants it."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def clock(moment: datetime) -> str:
    """`2026-03-15 10:00:32 UTC`."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def clock_ms(moment: datetime) -> str:
    """`10:00:32.120`, where entries of one day stand beneath each other."""
    return f"{moment.astimezone(UTC):%H:%M:%S.%f}"[:-3]


def size(count: int) -> str:
    """`12 B`, `3.4 MiB`."""
    amount = float(count)
    for unit in _SIZES:
        if amount < 1024 or unit == _SIZES[-1]:
            break
        amount /= 1024
    return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.1f} {unit}"


def share(part: float) -> str:
    """0-1 as `1.7 %`."""
    return f"{part * 100:.1f} %"


def number(value: float) -> str:
    """`12,345`, and `3.2` where it has a fraction."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


FILTERS: dict[str, Callable[..., Any]] = {
    one.__name__: one for one in (span, age, left, iso, clock, clock_ms, size, share, number)
} | {"json": as_json}

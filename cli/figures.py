"""The service's figures, as text: a summary for people, a line for logs."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.text import Text

from cli.bars import COLOURS
from cli.listing import age
from cli.output import one_line

Stats = dict[str, Any]
_BLOCKS = "▁▂▃▄▅▆▇█"
_LABEL = 12
_MOST_OWNERS = 5


def summary(found: Stats, width: int | None) -> Text:
    """A line a figure; `width` of the terminal, None elsewhere, where there are no drawings."""
    lines = [Text.assemble((f"{label:{_LABEL}}", "dim"), text) for label, text in _figures(found, width)]
    for one in lines:
        if width is not None:
            one.truncate(width, overflow="ellipsis")
    return Text("\n").join(lines)


def line(found: Stats) -> str:
    """`name=value` with blanks between, the names being those of the JSON."""
    times, lost = found["timeToComplete"], found["lostWebhooks"]
    shown = {
        **found["jobs"], "inFlight": found["inFlight"], "maxInFlight": found["maxInFlight"],
        "queueDepth": found["queueDepth"], "webhooksPerMinute": sum(found["webhooksPerMinute"].values()),
        "lostLastHour": lost["lastHour"], "p50": times["p50"], "p95": times["p95"], "p99": times["p99"],
        "creditsToday": found["creditsSpent"]["today"],
        "paused": found["paused"]["cause"] if found["paused"] else "held" if found["held"] else "no",
    }  # fmt: skip
    return " ".join([found["at"], *(f"{name}={'-' if value is None else value}" for name, value in shown.items())])


def _figures(found: Stats, width: int | None) -> Iterator[tuple[str, Text]]:
    now = datetime.fromisoformat(found["at"])
    yield "Jobs", _jobs(found["jobs"])
    yield "In flight", Text(_in_flight(found, now))
    yield "Queue", Text(_queue(found))
    yield "Webhooks", _with_blocks(_webhooks(found["webhooksPerMinute"]), _by_minute(found), width)
    yield "Lost", Text(_lost(found["lostWebhooks"]))
    yield "Time", Text(_times(found["timeToComplete"]))
    days = [day["credits"] for day in found["creditsSpent"]["byDay"]]
    yield "Credits", _with_blocks(_credits(found["creditsSpent"]), days, width)
    yield "Submitting", _submitting(found, now)


def _jobs(jobs: Mapping[str, int]) -> Text:
    told = [Text(f"{count:,} {status.lower()}", COLOURS.get(status, "")) for status, count in jobs.items() if count]
    return Text(", ").join(told) if told else Text("none")


def _in_flight(found: Stats, now: datetime) -> str:
    oldest = found["oldestInFlightAt"]
    return f"{found['inFlight']:,} of {found['maxInFlight']:,}" + (
        f", the oldest for {age(oldest, now)}" if oldest else ""
    )


def _queue(found: Stats) -> str:
    owners = sorted(found["queueDepthByOwner"].items(), key=lambda one: -one[1])
    told = [f"{one_line(owner)} {depth:,}" for owner, depth in owners[:_MOST_OWNERS] if depth]
    others = [f"{len(owners) - _MOST_OWNERS} others"] if len(owners) > _MOST_OWNERS else []
    return f"{found['queueDepth']:,} waiting" + (f": {', '.join(told + others)}" if told else "")


def _webhooks(outcomes: Mapping[str, int]) -> str:
    told = ", ".join(f"{count:,} {outcome}" for outcome, count in outcomes.items() if count)
    return f"{sum(outcomes.values()):,} a minute" + (f": {told}" if told else "")


def _by_minute(found: Stats) -> list[float]:
    return [sum(minute["outcomes"].values()) for minute in found["webhooksByMinute"]]


def _lost(lost: Mapping[str, Any]) -> str:
    if not lost["due"]:
        return "no webhook was due in the last hour"
    return f"{lost['lastHour']:,} of {lost['due']:,} webhooks in the last hour ({lost['rate'] or 0:.1%})"


def _times(times: Mapping[str, Any]) -> str:
    if times["p50"] is None:
        return "no job completed in the last 24 h"
    p50, p95, p99 = (f"{times[name]:,.1f} s" for name in ("p50", "p95", "p99"))
    return f"p50 {p50}, p95 {p95}, p99 {p99} ({times['jobs']:,} jobs in 24 h)"


def _credits(spent: Mapping[str, Any]) -> str:
    return f"{spent['today']:,} today, {spent['last30Days']:,} in 30 days"


def _submitting(found: Stats, now: datetime) -> Text:
    if pause := found["paused"]:
        by = f" by {one_line(pause['by'])}" if pause["by"] else f" ({pause['cause']})"
        return Text(f"paused{by} for {age(pause['since'], now)}: {one_line(pause['reason'])}", "bold red")
    if hold := found["held"]:
        return Text(f"held for {hold['seconds']:.0f} s: {one_line(hold['reason'])}", "yellow")
    return Text("goes on", "green")


def _with_blocks(text: str, values: Sequence[float], width: int | None) -> Text:
    """A drawing behind it, of as many of the last values as there is room for."""
    room = (width or 0) - _LABEL - len(text) - 2
    most = max(values, default=0)
    if room < 10 or not most:
        return Text(text)
    drawn = "".join(_BLOCKS[round(value / most * (len(_BLOCKS) - 1))] for value in values[-room:])
    return Text.assemble(text, ("  " + drawn, "cyan"))

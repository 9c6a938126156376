"""Health: what is lost, slow, old, waiting, stopped or spent, and how Redis keeps it all."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from service import queries
from service.dashboard.charts import Chart, bars
from service.dashboard.html import Visit
from service.dashboard.words import number
from service.stats import read_stats
from tracker.errors import StoreUnavailable
from tracker.store.condition import Condition

ACKNOWLEDGED = 1000
LOST_TOO_MANY, FEW = 0.05, 20
"""Of webhooks that were due: one of twenty is a broken path, where there were enough to tell."""


@dataclass(frozen=True)
class Acknowledgement:
    """Milliseconds from a genuine delivery's arrival to its answer, of the last `lines`."""

    lines: int
    p50: float | None
    p99: float | None


async def health_page(visit: Visit) -> Response:
    queries.only(visit.request, ())
    state = visit.state
    await state.recorder.flush()
    stats, times, condition, quarantined = await asyncio.gather(
        read_stats(state, visit.caller),
        state.deliveries.times(ACKNOWLEDGED),
        _condition(visit),
        state.quarantine.count(),
    )
    told = stats.model_dump(mode="json", by_alias=True)
    return visit.html(
        "health", stats=told, stats_paused=stats.paused, oldest=stats.oldest_in_flight_at,
        acknowledged=_acknowledgement(times), quarantined=quarantined, condition=condition, queue=_queue(told),
        credits=_credits(told), webhooks=_webhooks(told), losing=_losing(told["lostWebhooks"]),
    )  # fmt: skip


async def _condition(visit: Visit) -> Condition | None:
    """None where Redis does not let us look (INFO may be forbidden)."""
    try:
        return await visit.state.store.condition()
    except StoreUnavailable:
        return None


def _acknowledgement(times: Sequence[float]) -> Acknowledgement:
    ordered = sorted(times)
    return Acknowledgement(len(ordered), _percentile(ordered, 0.5), _percentile(ordered, 0.99))


def _percentile(ordered: Sequence[float], part: float) -> float | None:
    """By nearest rank, None of nothing."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))] if ordered else None


def _losing(lost: dict[str, Any]) -> bool:
    return lost["rate"] is not None and lost["due"] >= FEW and lost["rate"] >= LOST_TOO_MANY


def _queue(told: dict[str, Any]) -> list[tuple[str, int]]:
    return sorted(told["queueDepthByOwner"].items(), key=lambda pair: (-pair[1], pair[0]))


def _credits(told: dict[str, Any]) -> Chart:
    days = told["creditsSpent"]["byDay"]
    return bars([(day["day"], day["credits"]) for day in days], lambda value: f"{number(value)} credits")


def _webhooks(told: dict[str, Any]) -> Chart:
    minutes = [(entry["at"][11:16] + " UTC", sum(entry["outcomes"].values())) for entry in told["webhooksByMinute"]]
    return bars(minutes, lambda value: f"{number(value)} webhooks")

# ruff: noqa: RUF012
"""A stand-in with the shape of the statistics, until those are there."""

from datetime import datetime

from service.auth import Caller
from service.state import State
from tracker.job import Moment, Status, Wire
from tracker.store.gate import Pause


class Stats(Wire):
    at: Moment
    jobs: dict[Status, int]
    in_flight: int
    max_in_flight: int
    oldest_in_flight_at: Moment | None = None
    queue_depth: int = 0
    queue_depth_by_owner: dict[str, int] = {}
    webhooks_per_minute: dict[str, int] = {}
    webhooks_by_minute: list[dict[str, object]] = []
    lost_webhooks: dict[str, float | None] = {"lastHour": 0, "due": 0, "rate": None}
    time_to_complete: dict[str, float | None] = {"jobs": 0, "p50": None, "p95": None, "p99": None}
    credits_spent: dict[str, object] = {"today": 0, "last30Days": 0, "byDay": []}
    paused: Pause | None = None
    held: dict[str, object] | None = None


async def read_stats(state: State, caller: Caller) -> Stats:
    now: datetime = state.clock()
    gauges = await state.store.gauges(now)
    return Stats(
        at=now, jobs=dict(gauges.jobs), in_flight=gauges.in_flight, max_in_flight=state.settings.max_in_flight,
        queue_depth=sum(gauges.queued.values()), queue_depth_by_owner=dict(gauges.queued),
        paused=await state.gate.paused(),
    )  # fmt: skip

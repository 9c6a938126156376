"""`GET /v1/stats`: how it goes, over the jobs that a key may read."""

from asyncio import gather
from collections.abc import Mapping
from datetime import date

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from service import queries
from service.answers import FRESH
from service.auth import Caller
from service.state import State, state_of
from tracker.job import Moment, Status, Wire
from tracker.store.gate import Hold, Pause
from tracker.store.stats import Figures, quantile


class MinuteOfWebhooks(Wire):
    """Webhooks by outcome in the minute from `at` on."""

    at: Moment
    outcomes: dict[str, int]


class LostWebhooks(Wire):
    """Of the ends of the last hour whose webhook was `due`, those that a lookup found; `rate` null if none was due."""

    last_hour: int
    due: int
    rate: float | None


class TimeToComplete(Wire):
    """Seconds from creation to completion, of the `jobs` completed in the last 24 h; null where there are none.

    Jobs that others submitted are left out: they are known from the first news of them on.
    """

    jobs: int
    p50: float | None
    p95: float | None
    p99: float | None


class DayOfCredits(Wire):
    day: date
    credits: int


class CreditsSpent(Wire):
    """As upstream told of each job's cost, on the day when it did; days are UTC."""

    today: int
    last_30_days: int
    by_day: list[DayOfCredits]


class Stats(Wire):
    """How it goes. Times and counts are those of the jobs that the key may read."""

    at: Moment
    jobs: dict[Status, int]
    in_flight: int
    max_in_flight: int
    oldest_in_flight_at: Moment | None
    queue_depth: int
    queue_depth_by_owner: dict[str, int]
    webhooks_per_minute: dict[str, int]
    webhooks_by_minute: list[MinuteOfWebhooks]
    lost_webhooks: LostWebhooks
    time_to_complete: TimeToComplete
    credits_spent: CreditsSpent
    paused: Pause | None
    held: Hold | None


async def stats(request: Request, caller: Caller) -> Response:
    """Tell how it goes.

    Jobs by status, the queue, webhooks, time to complete and credits, over the jobs that the key may read; and whether
    submissions are paused, and why. Cheap enough to be asked every second.
    """
    queries.only(request, ())
    found = await read_stats(state_of(request), caller)
    return JSONResponse(found.model_dump(mode="json", by_alias=True), headers={"Cache-Control": FRESH})


async def read_stats(state: State, caller: Caller) -> Stats:
    """Raises StoreUnavailable."""
    now = state.clock()
    figures, (pause, hold) = await gather(state.store.figures(now, caller.only_owner), state.gate.closed())
    return Stats(
        at=now,
        jobs=dict(figures.jobs),
        in_flight=figures.in_flight,
        max_in_flight=state.settings.max_in_flight,
        oldest_in_flight_at=figures.oldest_in_flight,
        queue_depth=sum(figures.queued.values()),
        queue_depth_by_owner=dict(figures.queued),
        webhooks_per_minute=dict(figures.webhooks[-2][1]),
        webhooks_by_minute=[MinuteOfWebhooks(at=at, outcomes=dict(outcomes)) for at, outcomes in figures.webhooks],
        lost_webhooks=_lost_webhooks(figures),
        time_to_complete=_time_to_complete(figures.durations),
        credits_spent=_credits_spent(figures),
        paused=pause,
        held=hold,
    )


def _lost_webhooks(figures: Figures) -> LostWebhooks:
    due = sum(figures.settled.values())
    return LostWebhooks(last_hour=figures.lost, due=due, rate=round(figures.lost / due, 4) if due else None)


def _time_to_complete(durations: Mapping[int, int]) -> TimeToComplete:
    p50, p95, p99 = (_rounded(quantile(durations, share)) for share in (0.5, 0.95, 0.99))
    return TimeToComplete(jobs=sum(durations.values()), p50=p50, p95=p95, p99=p99)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3 if seconds < 1 else 1)


def _credits_spent(figures: Figures) -> CreditsSpent:
    by_day = [DayOfCredits(day=day.date(), credits=spent) for day, spent in figures.credits]
    return CreditsSpent(today=by_day[-1].credits, last_30_days=sum(one.credits for one in by_day), by_day=by_day)

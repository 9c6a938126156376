"""The log of deliveries: bounded, in order, and written once however often."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from redis.asyncio import Redis

from tests.samples import START
from tracker.ids import new_id
from tracker.job import Outcome
from tracker.store import deliveries as module
from tracker.store.deliveries import Deliveries, Line, Refusal, Wanted
from tracker.store.keys import name

Lines = dict[str, Line]


@pytest.fixture
def deliveries(redis: Redis) -> Deliveries:
    return Deliveries(redis, timedelta(days=30))


def taken(at: datetime, outcome: Outcome = Outcome.APPLIED, **fields: Any) -> Lines:
    return {new_id(at): Line(outcome=outcome, secret_form="hex", bytes=1, ms=1)._replace(**fields)}


def refused(at: datetime, cause: Refusal = Refusal.MISMATCH) -> Lines:
    return {new_id(at): Line(cause=cause, ms=1)}


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


async def seconds_of(deliveries: Deliveries, wanted: Wanted = Wanted(), limit: int = 100) -> list[float]:  # noqa: B008
    page = await deliveries.page(wanted, limit)
    return [(line.at - START).total_seconds() for line in page.lines]


async def test_lines_come_back_as_they_went_newest_first(deliveries: Deliveries) -> None:
    """Both shelves in one order, which is that of arrival and not that of writing."""
    late, early, between = taken(after(3), event="progress", job_id=new_id(START)), taken(after(1)), refused(after(2))
    await deliveries.write(late)
    await deliveries.write({**early, **between})
    page = await deliveries.page(Wanted(), 100)
    assert [line.model_dump(exclude={"at"}) for line in page.lines] == [
        line._asdict() for lines in (late, between, early) for line in lines.values()
    ]
    assert [line.at for line in page.lines] == [after(3), after(2), after(1)]
    assert page.next_cursor is None


async def test_lines_that_were_written_before_are_there_once(deliveries: Deliveries) -> None:
    """Redis may have taken a batch whose answer was lost."""
    lines = {**taken(after(1)), **refused(after(2))}
    for _ in range(2):
        await deliveries.write(lines)
    assert await seconds_of(deliveries) == [2, 1]


async def test_the_oldest_go_and_what_is_left_goes_after_its_time(
    deliveries: Deliveries, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each shelf for itself: refusals push out nothing that was genuine."""
    monkeypatch.setattr(module, "KEPT", {module.DELIVERIES: 3, module.REFUSALS: 2})
    for second in range(5):
        await deliveries.write(taken(after(second)))
    for second in range(10, 20):
        await deliveries.write(refused(after(second)))
    assert await seconds_of(deliveries) == [19, 18, 4, 3, 2]
    for shelf in ("deliveries", "refusals"):
        assert 30 * 86_400 - 60 < await redis.ttl(name(shelf)) <= 30 * 86_400


async def test_pages_hold_what_is_wanted_and_meet(deliveries: Deliveries, monkeypatch: pytest.MonkeyPatch) -> None:
    """However few of many are; no page is empty in the middle, and what comes meanwhile moves none."""
    monkeypatch.setattr(module, "LOOKED_AT_ONCE", 3)
    for second in range(20):
        await deliveries.write(taken(after(second), Outcome.APPLIED if second % 4 else Outcome.STALE))
        await deliveries.write(refused(after(second + 0.5)))
    wanted, seen, below = Wanted((Outcome.STALE, Refusal.MISSING)), list[datetime](), None
    while True:
        page = await deliveries.page(wanted, 2, below)
        assert page.lines
        seen += [line.at for line in page.lines]
        await deliveries.write(taken(after(100 + len(seen)), Outcome.STALE))
        if (below := page.next_cursor) is None:
            break
    assert seen == [after(second) for second in (16, 12, 8, 4, 0)]


async def test_a_filter_takes_outcomes_causes_and_jobs(deliveries: Deliveries) -> None:
    """All that are given must hold, and any of the words."""
    job_id = new_id(START)
    for lines in (taken(after(1), job_id=job_id), taken(after(2), Outcome.STALE, job_id=job_id), refused(after(3)),
                  refused(after(4), Refusal.MISSING)):  # fmt: skip
        await deliveries.write(lines)
    assert await seconds_of(deliveries, Wanted((Refusal.MISSING, Outcome.APPLIED))) == [4, 1]
    assert await seconds_of(deliveries, Wanted(job_id=job_id)) == [2, 1]
    assert await seconds_of(deliveries, Wanted((Outcome.STALE, Refusal.MISMATCH), job_id)) == [2]


async def test_nothing_to_write_is_no_key(deliveries: Deliveries, redis: Redis) -> None:
    """And an empty log is an empty page."""
    await deliveries.write({})
    assert await redis.keys("*") == []
    assert await seconds_of(deliveries) == []

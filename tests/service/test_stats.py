"""The figures: what is told, to whom, and that it is counted and not added up."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from redis.asyncio import Redis

from service.app import create_app
from tests.door import assert_problem, door, key, settings_for, signed
from tests.samples import RESULT, SILENCE, START, WEBHOOKS, delivered, looked_up, pending_job, upstream_id
from tracker.events import Accepted, Report
from tracker.job import Status
from tracker.settings import Settings
from tracker.store.gate import Cause, Gate, Pause
from tracker.store.jobs import JobStore, Tracked
from tracker.store.stats import quantile

NOW = START + timedelta(hours=3)


async def stats(settings: Settings, who: str = "auditor", now: datetime = NOW) -> dict[str, Any]:
    async with door(settings, create_app(settings, lambda: now)) as api:
        answer = await api.get("/v1/stats", headers=key(who))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def ended(settings: Settings) -> dict[str, float]:
    """By status, as `/metrics` has it."""
    async with door(settings, create_app(settings, lambda: NOW)) as api:
        families = text_string_to_metric_families((await api.get("/metrics")).text)
    [family] = [one for one in families if one.name == "tracker_jobs_ended_last_hour"]
    return {sample.labels["status"]: sample.value for sample in family.samples}


async def end(store: JobStore, at: datetime, *, owner: str = "editor", seconds: float = 30, lost: bool = False,
              status: Status = Status.COMPLETED, **fields: Any) -> str:  # fmt: skip
    """A job that ended at a moment, so many seconds after it was made; `lost`: no webhook told so."""
    made = at - timedelta(seconds=seconds)
    job, up = pending_job(made, owner=owner), upstream_id()
    await store.create(job, b"PNG")
    claim = await store.work.claim(made, lease=SILENCE, max_in_flight=50, webhooks=WEBHOOKS)
    assert claim.job_id == job.id
    told = looked_up if lost else delivered
    for event in (Accepted(up, Status.QUEUED), told(up, status, **fields)):
        await store.apply(event, made if isinstance(event, Accepted) else at, job_id=job.id, silence=SILENCE)
    return up


async def test_an_empty_tracker_has_figures(redis: Redis, settings: Settings) -> None:
    """All zero, or null where there is nothing to tell of."""
    found = await stats(settings)
    assert found["jobs"] == dict.fromkeys(Status, 0)
    assert (found["inFlight"], found["queueDepth"], found["queueDepthByOwner"]) == (0, 0, {})
    assert found["oldestInFlightAt"] is None
    assert found["lostWebhooks"] == {"lastHour": 0, "due": 0, "rate": None}
    assert found["timeToComplete"] == {"jobs": 0, "p50": None, "p95": None, "p99": None}
    assert found["creditsSpent"]["last30Days"] == 0
    assert (len(found["creditsSpent"]["byDay"]), len(found["webhooksByMinute"])) == (30, 60)
    assert (found["paused"], found["held"]) == (None, None)


async def test_each_sees_the_figures_of_what_it_may_read(redis: Redis, settings: Settings, store: JobStore) -> None:
    """Jobs, queue, webhooks, durations and credits alike."""
    for owner, count in (("editor", 2), ("shop", 1)):
        for _ in range(count):
            await end(store, NOW - timedelta(minutes=1), owner=owner)
        await store.create(pending_job(NOW, owner=owner), b"PNG")
    whole, mine, theirs = [await stats(settings, who) for who in ("auditor", "editor", "shop")]
    assert [one["jobs"]["COMPLETED"] for one in (whole, mine, theirs)] == [3, 2, 1]
    assert [one["queueDepth"] for one in (whole, mine, theirs)] == [2, 1, 1]
    assert whole["queueDepthByOwner"] == {"editor": 1, "shop": 1}
    assert mine["queueDepthByOwner"] == {"editor": 1}
    assert [one["webhooksPerMinute"] for one in (whole, mine, theirs)] == [
        {"applied": 3}, {"applied": 2}, {"applied": 1},
    ]  # fmt: skip
    assert [one["timeToComplete"]["jobs"] for one in (whole, mine, theirs)] == [3, 2, 1]
    assert [one["creditsSpent"]["today"] for one in (whole, mine, theirs)] == [48, 32, 16]


async def test_lost_webhooks_are_told_as_a_share_of_those_that_were_due(
    redis: Redis, settings: Settings, store: JobStore
) -> None:
    """Of the last hour alone; a cancel has none, so none of it is lost."""
    at = NOW - timedelta(minutes=30)
    for lost in (False, False, False, True):
        await end(store, at, lost=lost)
    await end(store, at, status=Status.CANCELLED, lost=True)
    await end(store, NOW - timedelta(minutes=61), lost=True)
    assert (await stats(settings))["lostWebhooks"] == {"lastHour": 1, "due": 4, "rate": 0.25}


async def test_machines_are_told_how_many_jobs_ended_in_the_last_hour(
    redis: Redis, settings: Settings, store: JobStore
) -> None:
    """Whatever retention has removed since, and whoever told of the end; each status is there from the start."""
    assert await ended(settings) == {"COMPLETED": 0, "FAILED": 0, "CANCELLED": 0}
    at = NOW - timedelta(minutes=30)
    for lost in (False, True):
        await end(store, at, lost=lost)
    await end(store, at, status=Status.FAILED)
    await store.create(pending_job(at, status=Status.FAILED, completed_at=at), b"")  # by the queue's door
    await end(store, NOW - timedelta(minutes=61), status=Status.FAILED)
    assert await ended(settings) == {"COMPLETED": 2, "FAILED": 2, "CANCELLED": 0}
    while await store.work.retire(NOW + timedelta(days=400)):
        pass
    assert await ended(settings) == {"COMPLETED": 2, "FAILED": 2, "CANCELLED": 0}


async def test_an_end_that_is_told_again_is_one_and_another_in_its_place_is_one_more(
    redis: Redis, settings: Settings, store: JobStore
) -> None:
    up = await end(store, NOW)
    await store.apply(looked_up(up, Status.COMPLETED), NOW, job_id=None, silence=SILENCE)
    assert await ended(settings) == {"COMPLETED": 1, "FAILED": 0, "CANCELLED": 0}
    await store.apply(delivered(up, Status.FAILED), NOW, job_id=None, silence=SILENCE)
    await store.apply(looked_up(up, Status.FAILED), NOW, job_id=None, silence=SILENCE)
    assert await ended(settings) == {"COMPLETED": 1, "FAILED": 1, "CANCELLED": 0}


async def test_times_to_complete_are_right_to_a_few_in_a_hundred(
    redis: Redis, settings: Settings, store: JobStore
) -> None:
    """Over completed jobs of the last 24 h, whatever became of others."""
    for seconds in (*[10.0] * 50, *[60.0] * 45, *[200.0] * 5):
        await end(store, NOW - timedelta(hours=1), seconds=seconds)
    await end(store, NOW - timedelta(hours=1), seconds=900, status=Status.FAILED)
    await end(store, NOW - timedelta(hours=25), seconds=900)
    found = (await stats(settings))["timeToComplete"]
    assert found["jobs"] == 100
    assert [found["p50"], found["p95"], found["p99"]] == pytest.approx([10, 60, 200], rel=0.05)


async def test_credits_are_counted_on_their_day_and_given_back_when_a_job_fails(
    redis: Redis, settings: Settings, store: JobStore
) -> None:
    """Once for each job, however often its cost is told."""
    yesterday = NOW - timedelta(days=1)
    up = await end(store, yesterday)
    again = Report(looked_up(up, Status.COMPLETED).source, up, Status.COMPLETED, result=RESULT, credit_cost=16)
    await store.apply(again, NOW, job_id=None, silence=SILENCE)
    await end(store, NOW, credit_cost=10)
    spent = (await stats(settings))["creditsSpent"]
    assert (spent["today"], spent["last30Days"]) == (10, 26)
    assert spent["byDay"][-2:] == [
        {"day": "2026-03-14", "credits": 16},
        {"day": "2026-03-15", "credits": 10},
    ]
    await store.apply(delivered(up, Status.FAILED), NOW, job_id=None, silence=SILENCE)
    await store.apply(looked_up(up, Status.FAILED, credit_cost=0), NOW, job_id=None, silence=SILENCE)
    assert (await stats(settings))["creditsSpent"]["today"] == -6


async def test_what_was_quarantined_is_counted_for_those_who_see_everything(redis: Redis, settings: Settings) -> None:
    """Whose it would have been is not known."""
    minute_ago = NOW - timedelta(minutes=1)
    async with door(settings, create_app(settings, lambda: minute_ago)) as api:
        assert (await api.post("/webhooks/apiframe", **signed(b"{"))).json()["outcome"] == "quarantined"
    assert (await stats(settings))["webhooksPerMinute"] == {"quarantined": 1}
    assert (await stats(settings, "editor"))["webhooksPerMinute"] == {}


async def test_what_is_in_flight_is_told_with_the_oldest(redis: Redis, settings: Settings, store: JobStore) -> None:
    """To those who see everybody's."""
    for minutes in (9, 5):
        made = NOW - timedelta(minutes=minutes)
        await store.create(pending_job(made), b"PNG")
        await store.work.claim(made, lease=timedelta(hours=1), max_in_flight=50, webhooks=WEBHOOKS)
    whole, mine = await stats(settings), await stats(settings, "editor")
    assert (whole["inFlight"], mine["inFlight"], whole["maxInFlight"]) == (2, 2, settings.max_in_flight)
    assert whole["oldestInFlightAt"] == "2026-03-15T12:51:00.000Z"
    assert mine["oldestInFlightAt"] is None


async def test_why_nothing_is_submitted_is_told(redis: Redis, settings: Settings, gate: Gate) -> None:
    """A pause with its reason, a hold with the seconds that are left."""
    await gate.pause(Pause(cause=Cause.OPERATOR, reason="maintenance", since=NOW, by="ops"))
    await gate.hold("slow down", timedelta(seconds=20))
    found = await stats(settings)
    assert found["paused"]["reason"] == "maintenance"
    assert found["held"]["reason"] == "slow down"
    assert 15 < found["held"]["seconds"] <= 20


async def test_strangers_count_for_whoever_takes_them_over(redis: Redis, settings: Settings, store: JobStore) -> None:
    """And no more for nobody."""
    up = upstream_id()
    applied = await store.apply(delivered(up, Status.PROCESSING), NOW, job_id=None, silence=SILENCE)
    assert (await stats(settings, "editor"))["jobs"]["PROCESSING"] == 0
    assert await store.own(applied.job_id, Tracked("editor"), NOW)
    assert (await stats(settings, "editor"))["jobs"]["PROCESSING"] == 1
    assert (await stats(settings))["jobs"]["PROCESSING"] == 1


async def test_figures_take_no_parameters(redis: Redis, settings: Settings) -> None:
    """What is not known is refused, as everywhere."""
    async with door(settings) as api:
        assert_problem(await api.get("/v1/stats?owner=shop", headers=key("ops")), 422, field="owner")


async def test_without_redis_there_are_no_figures() -> None:
    """503, and not zeros."""
    async with door(settings_for("redis://127.0.0.1:1")) as api:
        assert_problem(await api.get("/v1/stats", headers=key("ops")), 503)


@pytest.mark.parametrize(("share", "expected"), [(0.0, 10), (0.5, 10), (0.51, 20), (1.0, 20)])
def test_a_quantile_is_the_bucket_in_which_it_lies(share: float, expected: int) -> None:
    """By count, in its middle."""
    assert quantile({10: 5, 20: 5}, share) == pytest.approx(1.05 ** (expected + 0.5) / 1000)


async def test_strangers_have_no_time_to_complete(redis: Redis, settings: Settings, store: JobStore) -> None:
    """They are made when they are first heard of: most would have taken no time at all."""
    await end(store, NOW, seconds=30)
    for _ in range(9):
        await store.apply(delivered(upstream_id(), Status.COMPLETED), NOW, job_id=None, silence=SILENCE)
    found = (await stats(settings))["timeToComplete"]
    assert (found["jobs"], round(found["p50"])) == (1, 30)


async def test_credits_of_a_stranger_that_was_ours_are_counted_once(
    redis: Redis, settings: Settings, store: JobStore
) -> None:
    """Redis had lost the attempt, so a delivery was adopted; then our worker and a lookup tell of it again."""
    job, up = pending_job(NOW), upstream_id()
    await store.create(job, b"PNG")
    await store.apply(delivered(up, Status.COMPLETED), NOW, job_id=job.id, silence=SILENCE)
    await store.work.claim(NOW, lease=SILENCE, max_in_flight=50, webhooks=WEBHOOKS)
    for event in (Accepted(up, Status.QUEUED), looked_up(up, Status.COMPLETED)):
        await store.apply(event, NOW, job_id=job.id, silence=SILENCE)
    found = await stats(settings)
    assert (found["creditsSpent"]["today"], found["jobs"]["COMPLETED"]) == (16, 1)

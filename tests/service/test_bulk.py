"""Many jobs at once: seen first, then cancelled or asked about, with each refusal told."""

import asyncio
import time
from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any
from uuid import uuid4

import httpx
import pytest
from redis.asyncio import Redis

from service import bulk
from tests.door import assert_problem, door, key
from tests.samples import SILENCE, START, Sample, delivered, looked_up, pending_job, upstream_id
from tests.service.test_audit import listed
from tracker.clock import to_ms, utc_now
from tracker.job import Status
from tracker.settings import Settings
from tracker.store.jobs import JobStore
from tracker.store.keys import name
from tracker.store.pages import Filter
from tracker.transitions import State

PARENT = "d3d4e5f6-a7b8-4012-8def-345678901234"
Result = dict[str, Any]


async def act(api: httpx.AsyncClient, action: str, owner: str = "ops", **asked: Any) -> Result:
    answer = await api.post("/v1/jobs/actions", json={"action": action, **asked}, headers=key(owner), timeout=60)
    assert answer.status_code == 200, answer.text
    result: Result = answer.json()
    assert result["matched"] >= result["touched"]
    return result


def counts(result: Result) -> tuple[int, int, int, bool]:
    return result["matched"], result["touched"], result["refusedCount"], result["more"]


async def pending(store: JobStore, count: int, **fields: Any) -> list[str]:
    """Ids, oldest first."""
    jobs = [pending_job(START + timedelta(milliseconds=n), **fields) for n in range(count)]
    for start in range(0, count, 100):
        await asyncio.gather(*[store.create(job, b"PNG") for job in jobs[start : start + 100]])
    return [job.id for job in jobs]


async def statuses(store: JobStore, ids: Sequence[str]) -> list[str]:
    return [standing.status for standing in await store.standings(ids)]


async def in_state(store: JobStore, state: State) -> Sample:
    return await Sample(store).in_state(state)


# Cancelling


async def test_a_dry_run_tells_what_a_run_then_does(api: httpx.AsyncClient, store: JobStore) -> None:
    """By a filter; nothing is touched before."""
    taken = await in_state(store, State.PENDING)
    ids = await pending(store, 5)
    others = await pending(store, 2, owner="shop")
    asked: dict[str, Any] = {"filter": {"owner": "editor", "status": ["PENDING"]}}
    dry = await act(api, "cancel", **asked, dryRun=True)
    assert (dry["dryRun"], counts(dry)) == (True, (6, 5, 1, False))
    assert [refusal["id"] for refusal in dry["refused"]] == [taken.job.id]
    assert set(await statuses(store, [*ids, *others])) == {"PENDING"}
    done = await act(api, "cancel", **asked)
    assert {**done, "dryRun": True} == dry
    assert "right now" in done["refused"][0]["reason"]
    assert await statuses(store, [*ids, taken.job.id, *others]) == ["CANCELLED"] * 5 + ["PENDING"] * 3


async def test_each_job_is_cancelled_as_one_alone_is(api: httpx.AsyncClient, store: JobStore) -> None:
    """Its mask goes, and its history tells who did it."""
    [job_id] = await pending(store, 1)
    await act(api, "cancel", ids=[job_id])
    _, last = await store.history(job_id)
    assert (last.type, last.outcome, last.detail) == ("withdrawn", "applied", {"by": "ops"})
    assert await store.mask(job_id) is None


async def test_ids_that_name_no_job_are_refused_one_by_one(api: httpx.AsyncClient, store: JobStore) -> None:
    """As they were sent; a job that is named twice, or by both its ids, is one."""
    running = await in_state(store, State.PROCESSING)
    [job_id] = await pending(store, 1)
    unknown = str(uuid4())
    ids = [job_id, unknown, job_id.upper(), "nonsense", running.up, running.job.id]
    result = await act(api, "cancel", ids=ids)
    assert counts(result) == (2, 1, 3, False)
    reasons = {refusal["id"]: refusal["reason"] for refusal in result["refused"]}
    assert set(reasons) == {unknown, "nonsense", running.job.id}
    assert "PROCESSING" in reasons[running.job.id]


async def test_an_empty_filter_means_every_job_and_reaches_those_that_can_be_touched(
    api: httpx.AsyncClient, store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many others are newer; `more` tells of those that were not seen to."""
    monkeypatch.setattr(bulk, "MAX_JOBS", 4)
    ids = await pending(store, 3)
    for n in range(5):
        await store.create(pending_job(START + timedelta(hours=n + 1), status=Status.FAILED), b"")
    result = await act(api, "cancel", filter={})
    assert counts(result) == (4, 3, 1, True)
    assert "FAILED" in result["refused"][0]["reason"]
    assert await statuses(store, ids) == ["CANCELLED"] * 3
    assert counts(await act(api, "cancel", filter={"status": ["PENDING"]})) == (0, 0, 0, False)


async def test_one_call_sees_to_so_many_and_the_next_to_the_rest(
    api: httpx.AsyncClient, store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until there are no more; at most so many refusals are listed, and all are counted."""
    monkeypatch.setattr(bulk, "MAX_JOBS", 4)
    monkeypatch.setattr(bulk, "MAX_LISTED", 1)
    await pending(store, 6)
    calls = [counts(await act(api, "cancel", filter={"owner": "editor", "status": ["PENDING"]})) for _ in range(3)]
    assert calls == [(4, 4, 0, True), (2, 2, 0, False), (0, 0, 0, False)]
    result = await act(api, "cancel", filter={})
    assert (len(result["refused"]), result["refusedCount"], result["more"]) == (1, 4, True)


async def test_a_job_that_moved_on_since_it_was_looked_at_is_refused(
    api: httpx.AsyncClient, store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the others were being cancelled, a worker took it, or it went."""
    monkeypatch.setattr(bulk, "AT_ONCE", 1)
    ids = await pending(store, 200)
    running = asyncio.create_task(act(api, "cancel", ids=ids))
    while await store.count(Filter(statuses=(Status.PENDING,)), 999) == (200, False):
        await asyncio.sleep(0)
    now = utc_now()
    taken = [(await store.work.claim(now, lease=SILENCE, max_in_flight=9, webhooks=None)).job_id for _ in range(2)]
    result = await running
    seen = [refusal["id"] for refusal in result["refused"]]
    assert result["touched"] + result["refusedCount"] == 200
    assert set(seen) <= set(taken)
    left, _ = await store.ids(Filter(statuses=(Status.PENDING,)), 999)
    assert sorted(seen) == sorted(left)


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"action": "cancel"}, {"ids"}),
        ({"action": "cancel", "ids": ["x"], "filter": {}}, {"ids", "filter"}),
        ({"action": "cancel", "ids": []}, {"ids"}),
        ({"action": "cancel", "ids": ["x"] * 1001}, {"ids"}),
        ({"action": "cancel", "ids": ["x" * 65]}, {"ids"}),
        ({"action": "cancel", "ids": [7]}, {"ids"}),
        ({"action": "cancel", "ids": None}, {"ids"}),
        ({"action": "destroy", "filter": None, "dryRun": "no", "colour": 1}, {"action", "filter", "dryRun", "colour"}),
        ({"action": "cancel", "filter": {"status": []}}, {"filter"}),
        ({"action": "cancel", "filter": {"owner": None}}, {"filter"}),
        ({"action": "cancel", "filter": {"owner": ""}}, {"filter"}),
        ({"action": "cancel", "filter": {"labels": {}}}, {"filter"}),
        ({"action": "cancel", "filter": {"status": "PENDING"}}, {"filter"}),
        ({"action": "cancel", "filter": {"status": ["PENDING"] * 7}}, {"filter"}),
        ({"action": "cancel", "filter": {"createdAfter": 20260315}}, {"filter"}),
    ],
)
async def test_what_is_not_clear_is_refused_by_name(
    api: httpx.AsyncClient, store: JobStore, body: dict[str, Any], fields: set[str]
) -> None:
    """And nothing is done: a variable that was never set must not mean every job."""
    ids = await pending(store, 1)
    answer = await api.post("/v1/jobs/actions", json=body, headers=key("ops"))
    assert set(assert_problem(answer, 422)["errors"]) == fields
    assert await statuses(store, ids) == ["PENDING"]


async def test_an_unknown_part_of_a_filter_is_named(api: httpx.AsyncClient) -> None:
    """With those that there are, and whatever else is wrong with it."""
    asked = {"action": "cancel", "filter": {"colour": "red", "status": ["DONE"], "createdBefore": "soon"}}
    [first, *others] = assert_problem(await api.post("/v1/jobs/actions", json=asked, headers=key("ops")), 422)[
        "errors"
    ]["filter"]
    told = " ".join([first, *others])
    assert "colour: Unknown field; taken are status, owner, parentJobId, labels" in told
    assert "status.0: " in told
    assert "createdBefore: Expected a time as in" in told


async def test_a_filter_is_that_of_the_list(api: httpx.AsyncClient, store: JobStore) -> None:
    """Every part of it narrows."""
    ids = await pending(
        store, 4, labels={"order": "1", "shop": "a=b"}, parent_job_id="d3d4e5f6-a7b8-4012-8def-345678901234"
    )
    await pending(store, 3)
    parts: dict[str, Any] = {
        "status": ["PENDING", "QUEUED"],
        "owner": "editor",
        "parentJobId": PARENT.upper(),
        "labels": {"order": "1", "shop": "a=b"},
        "createdAfter": "2026-03-15T11:00:00.000+01:00",
        "createdBefore": "2026-03-15T10:00:00.003Z",
    }
    assert (await act(api, "cancel", filter=parts))["touched"] == 2
    assert await statuses(store, ids) == ["PENDING", "CANCELLED", "CANCELLED", "PENDING"]


@pytest.mark.parametrize("owner", ["editor", "auditor"])
async def test_it_is_for_operators(api: httpx.AsyncClient, owner: str) -> None:
    """403, even for one's own jobs."""
    answer = await api.post("/v1/jobs/actions", json={"action": "cancel", "filter": {}}, headers=key(owner))
    assert_problem(answer, 403)


# Asking upstream


async def due(redis: Redis, job_id: str) -> float | None:
    score: float | None = await redis.zscore(name("outbox"), f"lookup:{job_id}")
    return score


async def test_refresh_brings_lookups_forward(api: httpx.AsyncClient, store: JobStore, redis: Redis) -> None:
    """Of what Apiframe has and has not ended; workers do them. Others are refused, each with its reason."""
    running, ended = await in_state(store, State.QUEUED), await in_state(store, State.COMPLETED)
    [waiting] = await pending(store, 1)
    far = to_ms(utc_now() + timedelta(hours=1))
    await redis.zadd(name("outbox"), {f"lookup:{running.job.id}": far})
    dry = await act(api, "refresh", filter={}, dryRun=True)
    assert await due(redis, running.job.id) == far
    result = await act(api, "refresh", filter={})
    assert counts(result) == counts(dry) == (3, 1, 2, False)
    reasons = {refusal["id"]: refusal["reason"] for refusal in result["refused"]}
    assert "COMPLETED" in reasons[ended.job.id]
    assert "not accepted" in reasons[waiting]
    assert abs((await due(redis, running.job.id) or 0) - to_ms(utc_now())) < 5_000
    taken = await store.work.take_lookups(utc_now(), lease=SILENCE, limit=9, budget=9)
    assert taken == [running.job.id]


async def test_a_lookup_that_is_due_already_is_not_put_off(
    api: httpx.AsyncClient, store: JobStore, redis: Redis
) -> None:
    """It counts as touched: upstream is asked."""
    running = await in_state(store, State.PROCESSING)
    before = await due(redis, running.job.id)
    assert (await act(api, "refresh", ids=[running.up]))["touched"] == 1
    assert await due(redis, running.job.id) == before


async def test_many_lookups_leave_half_of_what_workers_may_make(
    api: httpx.AsyncClient, store: JobStore, redis: Redis, settings: Settings
) -> None:
    """A lost webhook must not wait until all of them are done."""
    ids = []
    for n in range(12):
        applied = await store.apply(looked_up(upstream_id(), Status.QUEUED), START, job_id=None, silence=SILENCE)
        ids.append(applied.job_id)
        await redis.zadd(name("outbox"), {f"lookup:{applied.job_id}": to_ms(utc_now() + timedelta(hours=1 + n))})
    assert (await act(api, "refresh", filter={"owner": "external"}))["touched"] == 12
    moments = sorted([await due(redis, job_id) or 0 for job_id in ids])
    gaps = {later - earlier for earlier, later in pairwise(moments)}
    assert gaps == {120_000 / settings.polls_per_minute}


# What operators did


async def test_a_run_is_in_the_audit_list_and_a_dry_run_is_not(api: httpx.AsyncClient, store: JobStore) -> None:
    """Which jobs were meant, and how many were touched; one that touched nothing is no action."""
    ids = await pending(store, 3)
    await act(api, "cancel", filter={"owner": "editor"}, dryRun=True)
    await act(api, "cancel", ids=ids[:1])
    await act(api, "cancel", filter={"owner": "editor"})
    await act(api, "cancel", filter={"owner": "editor"})
    by_filter, by_ids = await listed(api)
    assert (by_filter["action"], by_filter["jobId"]) == ("jobs.cancel", None)
    assert by_filter["details"] == {"filter": {"owner": "editor"}, "touched": 2, "refused": 1}
    assert (by_ids["jobId"], by_ids["details"]) == (ids[0], {"ids": 1, "touched": 1, "refused": 0})


async def test_a_run_that_redis_interrupts_tells_how_far_it_came(
    settings: Settings, store: JobStore, redis: Redis
) -> None:
    """503, and the audit list has what was done."""
    ids = await pending(store, 300)
    async with door(settings) as api:
        asked = {"action": "cancel", "ids": ids}
        running = asyncio.create_task(api.post("/v1/jobs/actions", json=asked, headers=key("ops")))
        while (await store.count(Filter(statuses=(Status.CANCELLED,)), 999))[0] < 20:
            await asyncio.sleep(0)
        await redis.client_pause(60_000, all=False)
        answer = await running
        await redis.client_unpause()
        problem = assert_problem(answer, 503)
        assert int(answer.headers["retry-after"]) > 0
        [entry] = await listed(api)
    cancelled, _ = await store.count(Filter(statuses=(Status.CANCELLED,)), 999)
    touched = entry["details"].pop("touched")
    assert entry["details"] == {"ids": 300, "refused": 0, "interrupted": True}
    assert f"at least {touched:,} of 300" in problem["detail"]
    assert 20 <= touched <= cancelled <= touched + bulk.AT_ONCE < 300


async def test_thousands_are_cancelled_while_webhooks_are_answered(api: httpx.AsyncClient, store: JobStore) -> None:
    """In seconds; no webhook waits for them."""
    running = await in_state(store, State.QUEUED)
    await pending(store, 2_000)
    task = asyncio.create_task(act(api, "cancel", filter={"status": ["PENDING"]}))
    waits = []
    while not task.done():
        began = time.perf_counter()
        await store.apply(delivered(running.up, Status.PROCESSING, progress=1), utc_now(), job_id=None, silence=SILENCE)
        waits.append(time.perf_counter() - began)
    assert (await task)["touched"] == 2_000
    assert len(waits) > 20
    assert sorted(waits)[len(waits) // 2] < 0.1

"""Operators stop and go on; and what the figures tell them."""

from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from redis.asyncio import Redis

from tests.door import UPSTREAM_KEY, assert_problem, key, submission
from tests.samples import START
from tests.service.test_jobs import submitted
from tracker.apiframe.signature import mark_of
from tracker.clock import utc_now
from tracker.store.gate import Cause, Gate, Pause
from tracker.store.jobs import JobStore
from tracker.store.keys import name
from tracker.store.work import Claim


async def claimed(store: JobStore, key_mark: str = "") -> Claim:
    hour = timedelta(hours=1)
    return await store.work.claim(utc_now(), lease=hour, max_in_flight=9, webhooks=None, key_mark=key_mark)


async def test_submitting_is_stopped_and_goes_on(api: httpx.AsyncClient, store: JobStore) -> None:
    """With the reason and the name of the key; jobs are taken all the while."""
    paused = await api.post("/v1/queue/pause", json={"reason": "maintenance"}, headers=key("ops"))
    shown = paused.json()["paused"]
    assert (paused.status_code, shown["cause"], shown["reason"], shown["by"]) == (200, "operator", "maintenance", "ops")
    assert shown["since"].endswith("Z")
    job = await submitted(api)
    assert (await claimed(store)).paused
    resumed = await api.post("/v1/queue/resume", headers=key("ops"))
    assert (resumed.status_code, resumed.json()) == (200, {"paused": None})
    assert (await claimed(store)).job_id == job["id"]


@pytest.mark.parametrize(("body", "status"), [(b'{"reason": "mended"}', 200), (b"", 200), (b"{}", 422), (b"\0", 400)])
async def test_a_reason_may_come_without_its_length(api: httpx.AsyncClient, body: bytes, status: int) -> None:
    """In chunks: it was read to see whether there is any, and then there was nothing left to read."""

    async def chunks() -> AsyncIterator[bytes]:
        yield body

    headers = {**key("ops"), "Content-Type": "application/json"}
    assert (await api.post("/v1/queue/resume", content=chunks(), headers=headers)).status_code == status


async def test_a_workers_pause_is_resumed_by_an_operator_too(api: httpx.AsyncClient, gate: Gate) -> None:
    """Again and again, whether there was one or not; a reason may be given."""
    await gate.pause(Pause(cause=Cause.KEY, reason="403", since=START))
    for _ in range(2):
        answer = await api.post("/v1/queue/resume", json={"reason": "mended"}, headers=key("ops"))
        assert (answer.status_code, answer.json()) == (200, {"paused": None})


@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": "x" * 501}, {"reason": 7}])
async def test_a_pause_wants_a_reason(api: httpx.AsyncClient, gate: Gate, body: dict[str, object]) -> None:
    """Of 1 to 500 characters; without one nothing is stopped."""
    assert_problem(await api.post("/v1/queue/pause", json=body, headers=key("ops")), 422, field="reason")
    assert await gate.paused() is None


async def test_a_full_queue_is_a_503_that_tells_when_to_come_back(api: httpx.AsyncClient, redis: Redis) -> None:
    """Before anything of the job is held."""
    await redis.set(name("maskbytes"), 268_435_456)
    answer = await api.post("/v1/jobs", json=submission(), headers=key("editor"))
    assert assert_problem(answer, 503)["type"] == "/docs#backlogged"
    assert int(answer.headers["retry-after"]) > 0
    await redis.delete(name("maskbytes"))
    assert await redis.exists(name("jobs")) == 0


async def test_the_figures_tell_what_waits_and_which_key_is_still_needed(
    api: httpx.AsyncClient, store: JobStore, gate: Gate
) -> None:
    """A key that was rotated out must stay listed while jobs are in flight that were submitted with it."""
    for _ in range(3):
        await submitted(api)
    for mark in (mark_of(UPSTREAM_KEY), mark_of("afk_thrown_away")):
        assert (await claimed(store, mark)).job_id
    await gate.pause(Pause(cause=Cause.KEY, reason="403", since=START))
    told = (await api.get("/metrics")).text.splitlines()
    assert 'tracker_jobs_queued{owner="editor"} 1.0' in told
    assert 'tracker_jobs_in_flight_by_key{key="current"} 1.0' in told
    assert 'tracker_jobs_in_flight_by_key{key="unlisted"} 1.0' in told
    assert "tracker_submissions_paused 1.0" in told
    assert "tracker_lost_webhooks_last_hour 0.0" in told
    assert any(line.startswith("tracker_mask_bytes ") and not line.endswith(" 0.0") for line in told)

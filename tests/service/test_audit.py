"""Who did what, and when: every operator's action is in the audit list, and in the log."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
import structlog
from redis.asyncio import Redis

from tests.door import KEYS, assert_problem, door, key, signed
from tests.service.test_jobs import submitted
from tests.service.test_quarantine import completed, kept
from tests.town import town
from tracker.settings import Settings
from tracker.store.keys import name
from tracker.store.quarantine import Quarantine


async def listed(api: httpx.AsyncClient, query: str = "") -> list[dict[str, Any]]:
    answer = await api.get(f"/v1/audit?{query}", headers=key("ops"))
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["entries"]
    return found


async def test_what_is_done_to_the_queue_and_the_quarantine_is_listed(api: httpx.AsyncClient) -> None:
    """Newest first, with the name of the key; what was refused is not there."""
    await api.post("/webhooks/apiframe", **signed(b'{"event":"exploded"}'))
    [entry] = (await api.get("/v1/quarantine", headers=key("ops"))).json()["entries"]
    await api.post("/v1/queue/pause", json={"reason": "maintenance"}, headers=key("ops"))
    await api.post("/v1/queue/pause", json={"reason": ""}, headers=key("ops"))
    await api.post("/v1/queue/resume", headers=key("ops"))
    await api.post(f"/v1/quarantine/{entry['id']}/replay", headers=key("ops"))
    await api.delete(f"/v1/quarantine/{entry['id']}", headers=key("ops"))
    deleted, resumed, paused = await listed(api)
    assert (deleted["action"], deleted["details"]) == ("quarantine.delete", {"entry": entry["id"]})
    assert (resumed["action"], resumed["details"], resumed["jobId"]) == ("queue.resume", {}, None)
    assert (paused["action"], paused["details"], paused["by"]) == ("queue.pause", {"reason": "maintenance"}, "ops")
    assert paused["at"].endswith("Z")


async def test_a_replay_is_listed_with_its_job(api: httpx.AsyncClient, redis: Redis) -> None:
    """And what became of the delivery."""
    entry_id = await kept(Quarantine(redis, timedelta(days=1)), completed("b2c3d4e5-f6a7-4901-8cde-f12345678901"))
    replayed = (await api.post(f"/v1/quarantine/{entry_id}/replay", headers=key("ops"))).json()
    [entry] = await listed(api)
    assert (entry["action"], entry["jobId"]) == ("quarantine.replay", replayed["jobId"])
    assert entry["details"] == {"entry": entry_id, "outcome": "adopted"}


async def test_cancelling_is_an_operators_action_where_the_job_is_anothers(api: httpx.AsyncClient) -> None:
    """One's own is no matter for the list; nor is what could not be cancelled."""
    mine, theirs = await submitted(api), await submitted(api, prompt="a secret garden")
    await api.post(f"/v1/jobs/{mine['id']}/cancel", headers=key("editor"))
    await api.post(f"/v1/jobs/{theirs['id']}/cancel", headers=key("ops"))
    [entry] = await listed(api)
    assert (entry["action"], entry["jobId"], entry["by"]) == ("job.cancel", theirs["id"], "ops")
    assert entry["details"] == {"owner": "editor", "outcome": "applied"}


@pytest.mark.usefixtures("redis")
async def test_asking_upstream_is_listed(redis_url: str) -> None:
    """Once it was asked, whatever it said."""
    async with town(redis_url, worker=True) as here:
        job = await here.end_of(await here.submit())
        await here.api.post(f"/v1/jobs/{job['id']}/refresh", headers=key("ops"))
        [entry] = await listed(here.api, "action=job.refresh")
    assert (entry["jobId"], entry["details"]) == (job["id"], {"owner": "editor"})


async def test_the_list_is_filtered_and_paged(api: httpx.AsyncClient) -> None:
    """By whom and what; a cursor belongs to its list."""
    for n in range(3):
        await api.post("/v1/queue/pause", json={"reason": str(n)}, headers=key("ops"))
    await api.post("/v1/queue/resume", headers=key("ops"))
    page = (await api.get("/v1/audit?action=queue.pause&limit=2", headers=key("ops"))).json()
    assert ([entry["details"]["reason"] for entry in page["entries"]], page["hasMore"]) == (["2", "1"], True)
    cursor = page["nextCursor"]
    [last] = await listed(api, f"action=queue.pause&cursor={cursor}")
    assert last["details"] == {"reason": "0"}
    assert await listed(api, "by=nobody") == []
    assert len(await listed(api, "by=ops&limit=100")) == 4
    assert_problem(await api.get(f"/v1/audit?cursor={cursor}", headers=key("ops")), 422, field="cursor")


@pytest.mark.parametrize(("query", "field"), [("action=moon.launch", "action"), ("by=", "by"), ("jobId=x", "jobId")])
async def test_a_wrong_filter_is_refused_by_name(api: httpx.AsyncClient, query: str, field: str) -> None:
    """422."""
    assert_problem(await api.get(f"/v1/audit?{query}", headers=key("ops")), 422, field=field)


async def test_an_entry_holds_nothing_secret(api: httpx.AsyncClient, redis: Redis) -> None:
    """No key, no mask, no prompt: looked for in what Redis holds."""
    job = await submitted(api, prompt="a secret garden")
    await api.post("/v1/queue/pause", json={"reason": "maintenance"}, headers=key("ops"))
    await api.post(f"/v1/jobs/{job['id']}/cancel", headers=key("ops"))
    held = b"".join(await redis.zrange(name("audit"), 0, -1)).decode()
    assert job["id"] in held
    for secret in (*(secret for secret, _ in KEYS.values()), "a secret garden", job["mask"]["sha256"]):
        assert secret not in held


async def test_what_was_done_is_told_though_redis_took_no_entry(api: httpx.AsyncClient, redis: Redis) -> None:
    """The log has the line, the caller gets the answer that is true, and the entry is written once Redis takes it."""
    await redis.set(name("audit"), "in the way", ex=60)
    with structlog.testing.capture_logs() as lines:
        answer = await api.post("/v1/queue/pause", json={"reason": "maintenance"}, headers=key("ops"))
    assert (answer.status_code, answer.json()["paused"]["reason"]) == (200, "maintenance")
    told = [(line["event"], line["log_level"]) for line in lines if "audit" in line["event"] or "action" in line]
    assert told == [("operator", "warning"), ("audit entry waits for Redis", "error")]
    assert_problem(await api.get("/v1/audit", headers=key("ops")), 503)
    await redis.delete(name("audit"))
    [entry] = await listed(api)
    assert (entry["action"], entry["details"]) == ("queue.pause", {"reason": "maintenance"})


async def test_a_service_that_stops_writes_what_waits(settings: Settings, redis: Redis) -> None:
    """If Redis takes it by then."""
    await redis.set(name("audit"), "in the way", ex=60)
    async with door(settings) as api:
        await api.post("/v1/queue/pause", json={"reason": "maintenance"}, headers=key("ops"))
        await redis.delete(name("audit"))
    assert await redis.zcard(name("audit")) == 1

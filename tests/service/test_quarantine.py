"""Signed deliveries that could not be read: operators list, replay and delete them."""

import asyncio
import base64
import json
from datetime import timedelta
from typing import Any

import httpx
import pytest
import structlog
from redis.asyncio import Redis

from tests.door import UPSTREAM_KEY, assert_problem, key, signed
from tests.samples import upstream_id
from tests.service.test_webhooks import job as job  # a fixture
from tests.service.test_webhooks import metric, now
from tracker.apiframe.signature import Verifier
from tracker.clock import from_ms, utc_now
from tracker.job import rfc3339
from tracker.store.jobs import JobStore
from tracker.store.keys import name
from tracker.store.quarantine import Quarantine

UNKNOWN = b'{"event":"upscaled","jobId":"b2c3d4e5-f6a7-4901-8cde-f12345678901","status":"PROCESSING"}'


@pytest.fixture
def quarantine(redis: Redis) -> Quarantine:
    return Quarantine(redis, timedelta(days=30))


async def listed(api: httpx.AsyncClient, query: str = "") -> list[dict[str, Any]]:
    answer = await api.get(f"/v1/quarantine?{query}", headers=key("ops"))
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["entries"]
    return found


async def replay(api: httpx.AsyncClient, entry_id: str) -> httpx.Response:
    return await api.post(f"/v1/quarantine/{entry_id}/replay", headers=key("ops"))


async def delete(api: httpx.AsyncClient, entry_id: str) -> httpx.Response:
    return await api.delete(f"/v1/quarantine/{entry_id}", headers=key("ops"))


async def kept(quarantine: Quarantine, document: dict[str, Any], address: str | None = None) -> str:
    """What an older reader could not read, and today's can."""
    delivery = signed(document)
    genuine = Verifier([UPSTREAM_KEY]).verify(delivery["content"], delivery["headers"]["X-Webhook-Signature"])
    return await quarantine.keep(genuine, address, "unknown event 'completed'", utc_now())


def completed(up: str, **fields: Any) -> dict[str, Any]:
    return {"event": "completed", "jobId": up, "status": "COMPLETED", "result": "https://x/1.png", **fields}


async def test_what_could_not_be_read_is_listed_whole(api: httpx.AsyncClient, job: dict[str, Any]) -> None:
    """As text, or in base64 where it is none; newest first, with the reason and the job of its address."""
    binary, text = b"\xff\x00{", '{"event":"Größe \U0001f388"}'
    for body, path in ((binary, f"/{job['id']}"), (text.encode(), "")):
        await api.post(f"/webhooks/apiframe{path}", **signed(body))
    second, first = await listed(api)
    assert first["at"] <= second["at"] <= rfc3339(utc_now())
    assert (second["encoding"], second["body"], second["jobId"]) == ("utf-8", text, None)
    assert second["why"].startswith("unknown event 'Größe")
    assert (first["encoding"], base64.b64decode(first["body"]), first["jobId"]) == ("base64", binary, job["id"])
    assert (first["bytes"], second["bytes"]) == (3, len(text.encode()))


async def test_pages_meet(api: httpx.AsyncClient) -> None:
    """By the same cursors as every list."""
    for number in range(3):
        await api.post("/webhooks/apiframe", **signed(b"%d" % number))
    page = (await api.get("/v1/quarantine?limit=2", headers=key("ops"))).json()
    assert ([entry["body"] for entry in page["entries"]], page["hasMore"]) == (["2", "1"], True)
    assert [entry["body"] for entry in await listed(api, f"cursor={page['nextCursor']}")] == ["0"]
    answer = await api.get(f"/v1/deliveries?cursor={page['nextCursor']}", headers=key("ops"))
    assert_problem(answer, 422, field="cursor")


@pytest.mark.parametrize("body", [UNKNOWN, b'{"event":"progress","jobId":"x"}', b"{", b"\xff"])
async def test_what_still_cannot_be_read_stays(api: httpx.AsyncClient, job: dict[str, Any], body: bytes) -> None:
    """409 with the reason, as often as it is asked: an event that nobody knows is known once the service has learned
    it. The job stays as it was."""
    await api.post(f"/webhooks/apiframe/{job['id']}", **signed(body))
    [entry] = await listed(api)
    assert await metric(api, "tracker_webhooks_quarantined") == 1
    for _ in range(2):
        assert entry["why"] in assert_problem(await replay(api, entry["id"]), 409)["detail"]
    assert await listed(api) == [entry]
    assert (await now(api, job))["status"] == "PENDING"


async def test_what_can_be_read_now_takes_the_way_of_every_delivery(
    api: httpx.AsyncClient, job: dict[str, Any], quarantine: Quarantine
) -> None:
    """Answered as its webhook would have been; then it is gone. The address binds as ever."""
    up = upstream_id()
    entry_id = await kept(quarantine, completed(up), job["id"])
    answer = await replay(api, entry_id)
    assert (answer.status_code, answer.json()) == (200, {"jobId": job["id"], "outcome": "applied"})
    settled = await now(api, job)
    assert (settled["status"], settled["upstreamJobId"], settled["settledBy"]) == ("COMPLETED", up, "webhook")
    assert await listed(api) == []
    assert_problem(await replay(api, entry_id), 404)


async def test_an_end_without_a_time_lies_where_its_delivery_came(
    api: httpx.AsyncClient, redis: Redis, quarantine: Quarantine
) -> None:
    """Not where it was replayed, days later: Apiframe deletes the images a day after the end."""
    entry_id = await kept(quarantine, completed(upstream_id()))
    [(_, fields)] = await redis.xrange(name("quarantine"))
    long_ago = f"{int(entry_id.partition('-')[0]) - 3 * 86_400_000}-0"
    await redis.delete(name("quarantine"))
    await redis.xadd(name("quarantine"), fields, id=long_ago)
    await redis.expire(name("quarantine"), 60)
    job_id = (await replay(api, long_ago)).json()["jobId"]
    job = (await api.get(f"/v1/jobs/{job_id}", headers=key("ops"))).json()
    assert job["completedAt"] == rfc3339(from_ms(long_ago.partition("-")[0]))


async def test_news_that_was_overtaken_is_stale_and_gone(
    api: httpx.AsyncClient, job: dict[str, Any], quarantine: Quarantine
) -> None:
    """The job was completed while the delivery lay there: nothing moves backwards."""
    up = upstream_id()
    entry_id = await kept(quarantine, {"event": "progress", "jobId": up, "status": "PROCESSING"}, job["id"])
    await api.post(f"/webhooks/apiframe/{job['id']}", **signed(completed(up)))
    assert (await replay(api, entry_id)).json() == {"jobId": job["id"], "outcome": "stale"}
    assert (await now(api, job))["status"] == "COMPLETED"
    assert await listed(api) == []


async def test_a_strangers_delivery_is_adopted_by_a_replay(api: httpx.AsyncClient, quarantine: Quarantine) -> None:
    """As it would have been when it came."""
    up = upstream_id()
    answer = await replay(api, await kept(quarantine, completed(up)))
    assert answer.json()["outcome"] == "adopted"
    assert (await api.get(f"/v1/jobs/{up}", headers=key("ops"))).json()["owner"] == "external"


async def test_what_is_deleted_is_gone_and_does_nothing(
    api: httpx.AsyncClient, job: dict[str, Any], quarantine: Quarantine
) -> None:
    """204 once, 404 from then on; a replay finds nothing."""
    entry_id = await kept(quarantine, completed(upstream_id()), job["id"])
    answer = await delete(api, entry_id)
    assert (answer.status_code, answer.content) == (204, b"")
    for again in (delete, replay):
        assert_problem(await again(api, entry_id), 404)
    assert (await now(api, job))["status"] == "PENDING"


async def test_two_operators_at_once_do_what_one_would_have_done(
    api: httpx.AsyncClient, store: JobStore, job: dict[str, Any], quarantine: Quarantine
) -> None:
    """Both replay: one moves the job, and the other finds that it has moved, or that the entry is gone. One replays
    while the other deletes: the entry does its work or is deleted, and only one of them is told that it was he."""
    for round_ in range(10):
        up = upstream_id()
        entry_id = await kept(quarantine, completed(up))
        one, two = await asyncio.gather(replay(api, entry_id), replay(api, entry_id))
        assert {one.status_code, two.status_code} <= {200, 404}
        told = [answer.json()["outcome"] for answer in (one, two) if answer.status_code == 200]
        assert told.count("adopted") == 1, round_
        entry_id = await kept(quarantine, completed(up := upstream_id()))
        calls = [replay(api, entry_id), delete(api, entry_id)]
        ends = await asyncio.gather(*(calls if round_ % 2 else calls[::-1]))
        done = [answer.status_code for answer in ends if answer.status_code != 404]
        assert len(done) == 1
        assert (await store.find(up) is not None) is (done == [200])
    assert await listed(api) == []


@pytest.mark.parametrize("entry_id", ["x", "0-1", "1-1-1", "9" * 40 + "-0", "%2B", "%24"])
async def test_an_entry_that_never_was_is_not_found(api: httpx.AsyncClient, entry_id: str) -> None:
    """404, whatever stands there."""
    for call in (delete, replay):
        assert_problem(await call(api, entry_id), 404)


async def test_what_operators_do_is_told_with_the_name_of_their_key(
    api: httpx.AsyncClient, quarantine: Quarantine
) -> None:
    """Once it is done; never the body."""
    up = upstream_id()
    replayed, deleted = await kept(quarantine, completed(up)), await kept(quarantine, completed(up))
    with structlog.testing.capture_logs() as lines:
        job_id = (await replay(api, replayed)).json()["jobId"]
        for _ in range(2):
            await delete(api, deleted)
    told = [{k: v for k, v in line.items() if k != "log_level"} for line in lines if line["event"] == "operator"]
    assert told == [
        {"event": "operator", "by": "ops", "action": "quarantine.replay", "entry": replayed, "job_id": job_id,
         "outcome": "adopted"},
        {"event": "operator", "by": "ops", "action": "quarantine.delete", "entry": deleted},
    ]  # fmt: skip
    assert up not in json.dumps(lines, default=str).replace(f"/v1/jobs/{up}", "")

"""The log of deliveries, as operators see it; and what it costs the deliveries themselves: nothing."""

import asyncio
import time
from datetime import timedelta
from itertools import chain, repeat
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest
import structlog
from redis.asyncio import Redis

from service import recorder
from service.app import create_app
from service.metrics import Metrics
from service.recorder import Recorder
from tests.door import assert_problem, door, key, settings_for, signed
from tests.redis_server import redis_server
from tests.samples import START, upstream_id
from tests.service.test_webhooks import job as job  # a fixture
from tests.service.test_webhooks import metric
from tracker.clock import utc_now
from tracker.job import Outcome
from tracker.settings import Settings
from tracker.store.connection import connect
from tracker.store.deliveries import Deliveries
from tracker.store.keys import name

SOME_ID = "01a20a29-6498-7000-893e-33d42b16a795"


def progress(up: str = "", percent: int = 45) -> dict[str, Any]:
    return signed({"event": "progress", "jobId": up or upstream_id(), "status": "PROCESSING", "progress": percent})


async def listed(api: httpx.AsyncClient, query: str = "") -> list[dict[str, Any]]:
    answer = await api.get(f"/v1/deliveries?{query}", headers=key("ops"))
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["deliveries"]
    return found


async def refuse(api: httpx.AsyncClient, path: str = "/webhooks/apiframe") -> None:
    answer = await api.post(path, content=b"{}", headers={"X-Webhook-Signature": "0" * 64})
    assert answer.status_code in (401, 429)


async def test_a_delivery_is_listed_with_what_became_of_it(api: httpx.AsyncClient, job: dict[str, Any]) -> None:
    """At once, by the process that took it."""
    before, delivery = utc_now(), progress()
    assert (await api.post(f"/webhooks/apiframe/{job['id']}", **delivery)).json()["outcome"] == "applied"
    [line] = await listed(api)
    assert line.pop("at") >= before.isoformat(timespec="milliseconds")[:23]
    assert 0 < line.pop("ms") < 1_000
    assert line == {
        "outcome": "applied", "cause": None, "jobId": job["id"], "event": "progress",
        "bytes": len(delivery["content"]), "secretForm": "hex",
    }  # fmt: skip


async def test_a_refused_one_is_listed_with_its_cause_and_without_its_body(
    api: httpx.AsyncClient, redis: Redis
) -> None:
    """Nor its signature; what its address names is no proof of anything."""
    secret, signature = b'{"event":"a secret"}', "ab" * 32
    for headers in ({}, {"X-Webhook-Signature": "sha256=zz"}, {"X-Webhook-Signature": signature}):
        await api.post(f"/webhooks/apiframe/{SOME_ID}", content=secret, headers=headers)
    await api.post("/webhooks/apiframe", **signed(b" " * (256 * 1024 + 1)))
    lines = await listed(api)
    told = [(line["cause"], line["bytes"], line["jobId"]) for line in lines]
    assert told == [
        ("too_large", 256 * 1024 + 1, None), ("mismatch", 20, SOME_ID), ("malformed", 20, SOME_ID),
        ("missing", 20, SOME_ID),
    ]  # fmt: skip
    assert all(line["outcome"] is line["event"] is line["secretForm"] is None for line in lines)
    held = b"".join(await redis.zrange(name("refusals"), 0, -1))
    assert b"a secret" not in held
    assert signature.encode() not in held


async def test_an_unreadable_one_is_listed_with_the_event_that_nobody_knows(
    api: httpx.AsyncClient, job: dict[str, Any]
) -> None:
    """So that an operator sees what upstream has begun to send."""
    for body in (b"{", b'{"event":"exploded"}', b'{"event":"%s"}' % (b"x" * 5_000)):
        await api.post(f"/webhooks/apiframe/{job['id']}", **signed(body))
    lines = await listed(api)
    assert [(line["outcome"], line["jobId"]) for line in lines] == [("quarantined", job["id"])] * 3
    assert [line["event"] for line in lines] == ["x" * 80, "exploded", None]


async def test_the_list_is_filtered(api: httpx.AsyncClient, job: dict[str, Any]) -> None:
    """By outcome, by cause, by all causes together, and by job under either of its ids."""
    up, delivery = upstream_id(), progress()
    await api.post(f"/webhooks/apiframe/{job['id']}", **progress(up))
    for _ in range(2):
        await api.post("/webhooks/apiframe", **delivery)
    await refuse(api, f"/webhooks/apiframe/{SOME_ID}")
    words = [line["outcome"] or line["cause"] for line in await listed(api)]
    assert words == ["mismatch", "duplicate", "adopted", "applied"]
    for query, expected in (
        ("outcome=applied", [3]), ("outcome=refused", [0]), ("outcome=missing", []),
        ("outcome=mismatch&outcome=adopted", [0, 2]), (f"jobId={job['id']}", [3]), (f"jobId={up.upper()}", [3]),
        (f"jobId={SOME_ID}", [0]), (f"jobId={job['id']}&outcome=refused", []),
    ):  # fmt: skip
        assert [line["outcome"] or line["cause"] for line in await listed(api, query)] == [words[n] for n in expected]


@pytest.mark.parametrize("query", ["outcome=lost", "outcome=", "jobId=7", "limit=0", "cursor=x", "status=COMPLETED"])
async def test_a_wrong_filter_is_refused_by_name(api: httpx.AsyncClient, query: str) -> None:
    """422, together with every other one."""
    answer = await api.get(f"/v1/deliveries?{query}", headers=key("ops"))
    assert_problem(answer, 422, field=query.partition("=")[0])
    both = await api.get("/v1/deliveries?outcome=lost&jobId=7&limit=x", headers=key("ops"))
    assert set(assert_problem(both, 422)["errors"]) == {"outcome", "jobId", "limit"}


async def test_pages_meet_though_deliveries_go_on(api: httpx.AsyncClient) -> None:
    """Newest first; a cursor belongs to its filters."""
    for percent in range(5):
        await api.post("/webhooks/apiframe", **progress(percent=percent))
    sizes, query = list[str](), "limit=2&outcome=adopted"
    expected = [line["at"] for line in await listed(api)]
    while True:
        page = (await api.get(f"/v1/deliveries?{query}", headers=key("ops"))).json()
        sizes += [line["at"] for line in page["deliveries"]]
        await api.post("/webhooks/apiframe", **progress())
        assert page["hasMore"] is (page["nextCursor"] is not None)
        if not page["hasMore"]:
            break
        query = f"limit=2&outcome=adopted&cursor={page['nextCursor']}"
    assert sizes == expected
    wrong = query.replace("adopted", "applied")
    assert_problem(await api.get(f"/v1/deliveries?{wrong}", headers=key("ops")), 422, field="cursor")


async def test_deliveries_of_one_millisecond_are_listed_as_they_came(redis: Redis, settings: Settings) -> None:
    """Also where the second is applied in the next, and an id is made then that sorts after both."""
    ticks = chain([START] * 3, repeat(START + timedelta(milliseconds=1)))
    async with door(settings, create_app(settings, lambda: next(ticks))) as api:
        delivery = progress()
        for _ in range(2):
            await api.post("/webhooks/apiframe", **delivery)
        assert [line["outcome"] for line in await listed(api)] == ["duplicate", "adopted"]


# The log waits for deliveries, and never the other way round


async def test_an_acknowledgement_does_not_wait_for_the_log_and_a_stop_does(
    redis: Redis, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is written before the answer; what was not written yet is when the service is stopped."""
    monkeypatch.setattr(recorder, "GATHER_SECONDS", 60)
    async with door(settings) as api:
        await api.post("/webhooks/apiframe", **progress())
        await refuse(api)
        assert not await redis.exists(name("deliveries"), name("refusals"))
    assert [await redis.zcard(name(shelf)) for shelf in ("deliveries", "refusals")] == [1, 1]


async def test_the_log_is_written_by_itself(api: httpx.AsyncClient, redis: Redis) -> None:
    """Within a second, though nobody asks for it."""
    await api.post("/webhooks/apiframe", **progress())
    async with asyncio.timeout(5):
        while not await redis.exists(name("deliveries")):
            await asyncio.sleep(0.02)


async def test_a_flood_of_bad_signatures_neither_fills_the_log_nor_hides_what_was_taken(
    api: httpx.AsyncClient, redis: Redis
) -> None:
    """Of each cause a few in a second are listed, all are counted, and a flood of one cause hides no other."""
    await api.post("/webhooks/apiframe", **progress())
    started = time.monotonic()
    for _ in range(200):
        await refuse(api)
    await api.post("/webhooks/apiframe", content=b"{}")
    seconds = time.monotonic() - started
    assert 2 <= len(await listed(api, "outcome=mismatch&limit=100")) <= recorder.REFUSALS_A_SECOND * (seconds + 2)
    assert len(await listed(api, "outcome=missing")) == 1
    assert [line["outcome"] for line in await listed(api, "outcome=adopted")] == ["adopted"]
    assert await metric(api, "tracker_webhook_refusals_total", cause="mismatch") == 200
    assert await metric(api, "tracker_webhook_log_lost_total") == 0


async def test_of_too_many_at_once_the_oldest_are_dropped_and_counted(
    api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory is bounded, whatever comes; the acknowledgements are not touched by it."""
    monkeypatch.setattr(recorder, "WAITING", 3)
    monkeypatch.setattr(recorder, "GATHER_SECONDS", 60)
    bodies = [progress() for _ in range(5)]
    taken = [(await api.post("/webhooks/apiframe", **body)).json()["jobId"] for body in bodies]
    assert [line["jobId"] for line in await listed(api)] == taken[:1:-1]
    assert await metric(api, "tracker_webhook_log_lost_total") == 2


async def test_what_redis_could_not_take_is_listed_once_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """503 for whoever delivers; for operators, a line that says so. Also of one that could not be quarantined."""
    monkeypatch.setattr(recorder, "GATHER_SECONDS", 0)
    with TemporaryDirectory(prefix="it-") as folder, structlog.testing.capture_logs() as log:
        async with door(settings_for(f"unix://{folder}/r.sock")) as api:
            for body in (progress(), signed(b"{")):
                assert_problem(await api.post("/webhooks/apiframe", **body), 503)
            assert await metric(api, "tracker_webhook_refusals_total", cause="store_unavailable") == 2
            assert_problem(await api.get("/v1/deliveries", headers=key("ops")), 503)
            with redis_server(Path(folder)) as url:
                await _until_logged(url, 2)
                lines = await listed(api)
    assert [(line["cause"], line["outcome"], line["event"]) for line in lines] == [
        ("store_unavailable", None, None), ("store_unavailable", None, "progress"),
    ]  # fmt: skip
    assert all(line["secretForm"] == "hex" for line in lines)
    assert "a loop failed; it starts again" not in {line["event"] for line in log}


async def _until_logged(url: str, count: int) -> None:
    async with asyncio.timeout(10), connect(url) as redis:
        while await redis.zcard(name("deliveries")) != count:
            await asyncio.sleep(0.02)


async def test_a_stop_does_not_wait_long_for_a_redis_that_says_nothing() -> None:
    """It listens, and never answers."""
    with TemporaryDirectory(prefix="it-") as folder:
        silent = await asyncio.start_unix_server(_say_nothing, f"{folder}/r.sock")
        async with silent, connect(f"unix://{folder}/r.sock") as redis:
            here = Recorder(Deliveries(redis, timedelta(days=1)), Metrics(settings_for("redis://127.0.0.1")), utc_now)
            with here.watching(None) as seen:
                seen.outcome = Outcome.APPLIED
            async with asyncio.timeout(recorder.STOP_SECONDS + 8):
                await here.close()


async def _say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()

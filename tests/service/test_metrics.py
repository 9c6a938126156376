"""What machines are told of Redis and of the workers, and that nothing is told of what cannot be seen."""

from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from redis.asyncio import Redis

from service.metrics import Metrics
from tests.deploy.test_watch import FULL
from tests.door import door, settings_for
from tests.redis_server import redis_server
from tracker.queue import SIGN_OF_LIFE
from tracker.store.condition import condition_of
from tracker.store.connection import connect

NOWHERE = "unix:///nonexistent/r.sock"


async def told(api: httpx.AsyncClient) -> dict[str, float]:
    """Samples by name, of those that have no labels."""
    answer = await api.get("/metrics")
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.text)
    return {one.name: one.value for family in families for one in family.samples if not one.labels}


async def test_whether_any_worker_lives_is_told(api: httpx.AsyncClient, redis: Redis) -> None:
    """By the sign that arq's workers give, which `doctor` reads, too."""
    assert (await told(api))["tracker_workers_alive"] == 0
    await redis.set(SIGN_OF_LIFE, "well", px=11_000)
    assert (await told(api))["tracker_workers_alive"] == 1


@pytest.mark.usefixtures("redis")
async def test_while_the_queues_redis_is_away_nothing_is_told_of_workers(redis_url: str) -> None:
    """It may well be that all of them work."""
    async with door(settings_for(redis_url, queue_redis_url=NOWHERE)) as api:
        found = await told(api)
    assert "tracker_jobs_in_flight" in found
    assert "tracker_workers_alive" not in found


async def test_while_our_redis_is_away_the_queues_tells_of_workers(redis: Redis, redis_url: str) -> None:
    await redis.set(SIGN_OF_LIFE, "well", px=11_000)
    async with door(settings_for(NOWHERE, queue_redis_url=redis_url)) as api:
        found = await told(api)
    assert "tracker_jobs_in_flight" not in found
    assert found["tracker_workers_alive"] == 1


async def test_while_every_redis_is_away_only_counters_are_told() -> None:
    """And what is set."""
    async with door(settings_for(NOWHERE)) as api:
        found = await told(api)
    assert not {"tracker_jobs_in_flight", "tracker_workers_alive"} & set(found)
    assert found["tracker_in_flight_limit"] > 0


async def test_how_much_redis_holds_and_may_hold_is_told() -> None:
    """And that its file is written; the memory in one more command of those that go together."""
    options = ["--maxmemory", "100mb", "--appendonly", "yes"]
    with TemporaryDirectory(prefix="it-") as folder, redis_server(Path(folder), *options) as url:
        async with door(settings_for(url)) as api:
            found = await told(api)
    assert 0 < found["tracker_redis_memory_bytes"] < found["tracker_redis_memory_bytes_limit"] == 100 * 1024 * 1024
    assert found["tracker_redis_append_only_ok"] == 1


async def test_without_limit_and_file_neither_is_told(api: httpx.AsyncClient) -> None:
    """A limit of 0 would be one that is passed."""
    found = await told(api)
    assert found["tracker_redis_memory_bytes"] > 0
    assert not {"tracker_redis_memory_bytes_limit", "tracker_redis_append_only_ok"} & set(found)


async def test_a_file_that_cannot_be_written_is_told() -> None:
    """As a figure that an alert can wait for."""
    metrics = Metrics(settings_for(NOWHERE))
    unwell = condition_of({"aof_enabled": 1, "aof_last_write_status": "err"})
    assert b"tracker_redis_append_only_ok 0.0" in metrics.render(replace(FULL, condition=unwell), has_worker=None)


async def test_where_info_is_forbidden_all_else_is_told() -> None:
    """As with some who rent out a Redis."""
    with TemporaryDirectory(prefix="it-") as folder, redis_server(Path(folder)) as url:
        async with door(settings_for(url)) as api:
            async with aclosing(connect(url)) as redis:
                await redis.acl_setuser("default", enabled=True, nopass=True, keys="*", channels="*",
                                        commands=["+@all", "-info"])  # fmt: skip
            found = await told(api)
    assert "tracker_jobs_in_flight" in found
    assert "tracker_redis_memory_bytes" not in found

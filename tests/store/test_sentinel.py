"""A Redis that Sentinels look after: how its address is read, and what a fail-over costs."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from arq.connections import ArqRedis

from tests.guarded import PASSWORD, guarded, until_replicated
from tests.samples import Sample, delivered
from tests.town import town
from tracker.errors import ConfigurationError, StoreUnavailable
from tracker.job import Status
from tracker.queue import connect_queue
from tracker.sentinels import Watched, parse
from tracker.settings import load
from tracker.store.connection import connect
from tracker.store.jobs import JobStore
from tracker.transitions import State


@pytest.mark.timeout(240)
async def test_a_job_outlives_the_fail_over(tmp_path: Path) -> None:
    """While nobody is primary the store says so, and finds the next one by itself; the queue's connections, too."""
    with guarded(tmp_path) as here:
        async with asyncio.timeout(110), connect(here.url) as redis, _queue(here.url) as queue:
            store = JobStore(redis, retention=timedelta(days=30), submit_within=timedelta(days=1))
            await _until_ready(store)
            await until_replicated(here)
            sample = await Sample(store).in_state(State.PROCESSING)
            await redis.wait(1, 5000)
            here.primary.kill()
            assert await _until_it_goes_on(sample) < 60
            assert await queue.enqueue_job("submit", _job_id="submit:x") is not None
            assert (await redis.info("replication"))["role"] == "master"


@pytest.mark.timeout(240)
async def test_service_and_worker_go_on_with_the_next_primary(tmp_path: Path) -> None:
    """Meanwhile callers are told to come again."""
    with guarded(tmp_path) as here:
        await until_replicated(here)
        async with asyncio.timeout(110), town(here.url) as all_of_it:
            before = await all_of_it.submit()
            assert (await all_of_it.end_of(before))["settledBy"] == "webhook"
            async with connect(here.url) as redis:
                await redis.set("a", "b")
                await redis.wait(1, 5000)  # all that came before it is copied, too
            here.primary.kill()
            while (answer := await all_of_it.api.get("/readyz")).status_code != 200:
                assert answer.status_code == 503
                await asyncio.sleep(0.1)
            after = await all_of_it.submit()
            assert (await all_of_it.end_of(after))["status"] == "COMPLETED"
            assert (await all_of_it.get(before))["status"] == "COMPLETED"


@asynccontextmanager
async def _queue(url: str) -> AsyncIterator[ArqRedis]:
    queue = connect_queue(url)
    yield queue
    await queue.aclose(close_connection_pool=True)


async def _until_ready(store: JobStore) -> None:
    while True:
        try:
            await store.ready()
            return
        except StoreUnavailable:
            await asyncio.sleep(0.1)


async def _until_it_goes_on(sample: Sample) -> float:
    """Seconds until the job is there again, and can be changed."""
    started = time.monotonic()
    while True:
        try:
            await sample.apply(delivered(sample.up, Status.COMPLETED))
            assert (await sample.now()).status is Status.COMPLETED
            return time.monotonic() - started
        except StoreUnavailable:
            await asyncio.sleep(0.1)


def test_an_address_is_read_whole() -> None:
    """Several Sentinels, with and without a port, an IPv6 address, escapes, a database, passwords for both."""
    options = "sentinel_username=w&sentinel_password=x%26y&ssl_ca_certs=/ca.pem"
    told = parse(f"rediss+sentinel://us%40er:p%3Aw@a:1,b,[::1]:3/my%20jobs/2?{options}")
    nodes = (("a", 1), ("b", 26379), ("::1", 3))
    assert told == Watched(nodes, "my jobs", 2, True, "us@er", "p:w", "w", "x&y", "/ca.pem")
    assert parse("redis+sentinel://a/jobs") == Watched((("a", 26379),), "jobs", 0, False, *[None] * 5)


@pytest.mark.parametrize(
    "rest", ["a", "a/", "/jobs", "a,/jobs", "a:0/jobs", "a:x/jobs", "a/jobs/x", "a/jobs?db=1", "a/jobs#x"]
)
def test_a_wrong_address_stops_the_start_without_repeating_it(rest: str) -> None:
    """It may hold a password."""
    with pytest.raises(ConfigurationError) as error:
        load(redis_url=f"redis+sentinel://:{PASSWORD}@{rest}", apiframe_api_key="afk_a")
    assert "REDIS_URL: expected" in str(error.value)
    assert PASSWORD not in str(error.value)

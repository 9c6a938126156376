"""Real parts for every test: a Redis on a socket of its own, emptied before and checked after each."""

from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, settings
from redis.asyncio import Redis

from tests import invariants
from tests.redis_server import redis_server
from tests.samples import Sample
from tracker.store.gate import Gate
from tracker.store.jobs import JobStore

settings.register_profile("here", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("here")  # the same everywhere, on machines with hiccups, too; `make fuzz` looks further


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """One server for the run; unix sockets have short paths, so not under pytest's own folder."""
    with TemporaryDirectory(prefix="it-") as folder, redis_server(Path(folder)) as url:
        yield url


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    """An empty Redis. What `invariants` says must hold when the test is over."""
    async with invariants.kept(redis_url) as client:
        yield client


@pytest.fixture
async def store(redis: Redis) -> AsyncIterator[JobStore]:
    store = JobStore(redis, retention=timedelta(days=30), submit_within=timedelta(days=1))
    await store.ready()
    yield store
    await store.aclose()


@pytest.fixture
def gate(redis: Redis) -> Gate:
    return Gate(redis)


@pytest.fixture
def sample(store: JobStore) -> Sample:
    return Sample(store)

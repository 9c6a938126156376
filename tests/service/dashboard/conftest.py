from datetime import timedelta

import httpx
import pytest
from redis.asyncio import Redis

from tests.service.dashboard.visiting import signed_in
from tracker.store.audit import Audit


@pytest.fixture
async def ops(api: httpx.AsyncClient) -> httpx.AsyncClient:
    """Signed in as an operator."""
    await signed_in(api)
    return api


@pytest.fixture
async def auditor(api: httpx.AsyncClient) -> httpx.AsyncClient:
    """Signed in as one who may see everything and do nothing."""
    await signed_in(api, "auditor")
    return api


@pytest.fixture
def audit_list(redis: Redis) -> Audit:
    return Audit(redis, timedelta(days=1))

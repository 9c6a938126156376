"""Secrets are changed while everything runs, step by step as docs/operations.md has it, and nothing is refused."""

import asyncio
import hashlib
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest
from redis.asyncio import Redis

from tests.door import KEYS, door, settings_for, submission
from tests.guarded import PASSWORD, Guarded, guarded, until_replicated
from tests.town import town
from tracker.store.connection import connect

NEW = "n3w"
BACK_WITHIN = 60


def servers(here: Guarded, password: str) -> list[str]:
    """The primary, and its replicas."""
    own = here.primary_url.replace(PASSWORD, password)
    return [own, *(f"redis://:{password}@127.0.0.1:{port}" for port in here.replicas)]


async def tell(urls: Sequence[str], *command: str) -> None:
    for url in urls:
        async with connect(url) as redis:
            await redis.execute_command(*command)  # type: ignore[no-untyped-call]  # redis-py has no types here


def sentinel(here: Guarded) -> list[str]:
    return [f"redis://:watcher@127.0.0.1:{here.url.rpartition(':')[2].partition('/')[0]}"]


@pytest.mark.timeout(240)
async def test_redis_gets_another_password(tmp_path: Path) -> None:
    """Of the primary, its replica and the Sentinel's; the next fail-over shows that none was forgotten."""
    with guarded(tmp_path) as guard:
        await until_replicated(guard)
        async with asyncio.timeout(110), town(guard.url) as here:
            await tell(servers(guard, PASSWORD), "ACL SETUSER", "default", f">{NEW}")
            await tell(sentinel(guard), "SENTINEL SET", "jobs", "auth-pass", NEW)
            await tell(servers(guard, PASSWORD), "CONFIG SET", "masterauth", NEW)
            assert (await here.end_of(await here.submit()))["status"] == "COMPLETED"
        async with asyncio.timeout(110), town(guard.url.replace(f":{PASSWORD}@", f":{NEW}@")) as here:
            await until_ready(here.api)  # as for every service that is started anew
            await tell(servers(guard, NEW), "ACL SETUSER", "default", f"<{PASSWORD}")
            assert (await here.end_of(await here.submit()))["status"] == "COMPLETED"
            for kind in ("normal", "replica"):  # whoever comes back must know the new one
                await tell(servers(guard, NEW), "CLIENT KILL", "TYPE", kind, "SKIPME", "yes")
            await until_replicated(guard, NEW)
            guard.primary.kill()
            await until_ready(here.api)
            assert (await here.end_of(await here.submit()))["status"] == "COMPLETED"


async def until_ready(api: httpx.AsyncClient) -> None:
    async with asyncio.timeout(BACK_WITHIN):
        while (await api.get("/readyz")).status_code != 200:
            await asyncio.sleep(0.1)


async def test_a_caller_changes_keys(redis_url: str, redis: Redis) -> None:
    """While two of one name are listed, each sees what the other has sent; then the first is nobody's."""
    first, scopes = KEYS["editor"]
    second = "itk_second"
    entries = [
        {"name": "editor", "sha256": hashlib.sha256(key.encode()).hexdigest(), "scopes": scopes}
        for key in (first, second)
    ]
    old, new = {"X-API-Key": first}, {"X-API-Key": second}
    async with door(settings_for(redis_url, api_keys=entries)) as api:
        job = (await api.post("/v1/jobs", json=submission(), headers=old)).json()
        assert (await api.get(f"/v1/jobs/{job['id']}", headers=new)).json()["owner"] == "editor"
    async with door(settings_for(redis_url, api_keys=entries[1:])) as api:
        assert (await api.get(f"/v1/jobs/{job['id']}", headers=new)).status_code == 200
        assert (await api.get(f"/v1/jobs/{job['id']}", headers=old)).status_code == 401

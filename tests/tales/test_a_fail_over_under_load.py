"""The primary of Redis dies while webhooks come in, and just before that it lost a replica.

Where that was the only one, what was acknowledged before the two parted is there afterwards, and what was acknowledged
between is lost, as with any asynchronous copy. With a second replica and WAIT_REPLICAS=1 nothing is lost: nothing is
acknowledged that no replica has, and the Sentinel takes the one that has most.
"""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

import pytest
from redis.asyncio import Redis

from deploy.verify.senders import sending
from tests.door import signed
from tests.guarded import PASSWORD, Guarded, guarded, until_promoted, until_replicated
from tests.samples import upstream_id
from tests.town import Town, town
from tracker.store.connection import connect
from tracker.store.keys import name

SENDERS, PAUSE, ENOUGH, BETWEEN = 8, 0.01, 200, 1.0
BACK_WITHIN = 10.0
NOTICED = 0.5
"""Sooner the Sentinel does not know that its primary is gone."""


@dataclass
class Load:
    """Webhooks, each of another job, one after the other by several senders. `acknowledged`: when, by upstream's id."""

    here: Town
    acknowledged: dict[str, float] = field(default_factory=dict)
    refused: int = 0

    async def send(self) -> None:
        while True:
            up = upstream_id()
            body = {"event": "progress", "jobId": up, "status": "PROCESSING", "progress": 45, "model": "midjourney"}
            answer = await self.here.api.post("/webhooks/apiframe", **signed(body), timeout=10)
            assert answer.status_code in (200, 503), answer.text
            if answer.status_code == 200:
                self.acknowledged[up] = monotonic()
            else:
                self.refused += 1
            await asyncio.sleep(PAUSE)

    async def until_back(self, since: float) -> float:
        """Seconds until webhooks are acknowledged again, by another than the one that was killed at `since`."""
        while max(self.acknowledged.values()) < since + NOTICED:
            await asyncio.sleep(0.02)
        return monotonic() - since


async def known(redis: Redis) -> set[str]:
    """Upstream's ids of the jobs that a Redis has."""
    return {up.decode() for up in await redis.hkeys(name("upstream"))}  # type: ignore[misc]


async def mend(here: Guarded) -> None:
    """It may come back, to whoever is primary by then."""
    async with here.to_replica() as replica:
        await replica.config_set("masterauth", PASSWORD)


async def part(here: Guarded) -> None:
    """From now on the first replica gets nothing more, and cannot come back."""
    async with here.to_replica() as replica, connect(here.primary_url) as primary:
        await replica.config_set("masterauth", "wrong")
        await primary.client_kill_filter(_type="slave")  # redis-py knows no newer word


@pytest.mark.timeout(240)
@pytest.mark.parametrize("replicas", [0, 1])
async def test_nothing_is_lost_that_the_replica_had(tmp_path: Path, replicas: int) -> None:
    """With WAIT_REPLICAS=1 nothing at all; service and worker are back by themselves, and go on."""
    with guarded(tmp_path, replicas + 1) as guard:
        await until_replicated(guard)
        async with asyncio.timeout(150), town(guard.url, wait_replicas=replicas) as here:
            before = await here.end_of(await here.submit())
            load = Load(here)
            async with sending(load.send, SENDERS):
                while len(load.acknowledged) < ENOUGH:
                    await asyncio.sleep(0.05)
                await part(guard)
                await asyncio.sleep(BETWEEN)
                async with guard.to_replica() as replica:
                    reached, acknowledged = await known(replica), len(load.acknowledged)
                guard.primary.kill()
                await mend(guard)
                await until_promoted(guard)
                assert await load.until_back(monotonic()) < BACK_WITHIN
                after = await here.end_of(await here.submit())
            async with connect(guard.url) as redis:
                lost = set(load.acknowledged) - await known(redis)
            assert not lost & reached
            assert len(reached) >= ENOUGH
            assert bool(lost) is (replicas == 0), f"{len(lost)} lost of {acknowledged}"
            assert (await here.get(before))["status"] == after["status"] == "COMPLETED"

"""Streams of the service itself: over its restarts, past what it keeps, and as far as a key may see."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import pytest
from inpaint_tracker_client import ChangesMissed, Job, NotFound
from redis.asyncio import Redis

from service.app import create_app
from tests.client.conftest import Connect
from tests.door import key, settings_for, submission
from tests.processes import free_port
from tests.serving import serving
from tests.town import Town
from tracker.settings import Settings
from tracker.store.keys import name


@dataclass
class Service:
    """One that can be away, at `url`, and another one through which jobs go on meanwhile."""

    settings: Settings
    elsewhere: httpx.AsyncClient
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @asynccontextmanager
    async def up(self, listeners: int = 0) -> AsyncIterator[None]:
        """Yields once as many listen."""
        async with serving(create_app(self.settings), socket.create_server(("127.0.0.1", self.port))):
            await self.until_heard(listeners)
            yield

    async def until_heard(self, listeners: int) -> None:
        """By as many streams, at least."""
        async with httpx.AsyncClient() as client, asyncio.timeout(20):
            while _listeners((await client.get(f"{self.url}/metrics")).text) < listeners:
                await asyncio.sleep(0.02)

    async def submit(self, caller: str = "editor", **fields: object) -> str:
        answer = await self.elsewhere.post("/v1/jobs", json=submission(**fields), headers=key(caller))
        return str(answer.raise_for_status().json()["id"])

    async def cancel(self, *ids: str) -> None:
        for job_id in ids:
            (await self.elsewhere.post(f"/v1/jobs/{job_id}/cancel", headers=key("ops"))).raise_for_status()


def _listeners(metrics: str) -> float:
    [count] = re.findall(r"(?m)^tracker_stream_listeners (.*)$", metrics)
    return float(count)


@pytest.fixture
async def service(redis: Redis, redis_url: str) -> AsyncIterator[Service]:
    settings = settings_for(redis_url)
    async with serving(create_app(settings)) as url, httpx.AsyncClient(base_url=url, timeout=30) as elsewhere:
        yield Service(settings, elsewhere, free_port())


async def take(jobs: AsyncIterator[Job], count: int) -> list[Job]:
    """So many; then the stream is left."""
    taken = [await anext(jobs) for _ in range(count)]
    await jobs.aclose()  # type: ignore[attr-defined]  # a generator in either shell
    return taken


async def test_a_watch_sees_the_job_move_to_its_end(here: Town, connect: Connect) -> None:
    """By our id or upstream's; a job that has ended is told once, and one that is not there is an error."""
    async with connect(here) as tracker:
        submitted = await here.submit()
        states = [job async for job in tracker.watch(submitted["id"])]
        assert [job.progress for job in states] == sorted(job.progress for job in states)
        assert (states[-1].status, len(states[-1].images)) == ("COMPLETED", 4)
        assert [job async for job in tracker.watch(states[-1].upstream_job_id or "")] == states[-1:]
        with pytest.raises(NotFound):
            await take(tracker.watch("no-such-job"), 1)


async def test_a_stream_outlives_restarts_without_gap_or_repetition(service: Service, connect: Connect) -> None:
    """Jobs go on while the service is away; from before the first event, too."""
    jobs = [await service.submit() for _ in range(9)]
    async with connect(service.url, timeout=5) as tracker:
        async with service.up():
            hearing = asyncio.create_task(take(tracker.stream(), 9))
            await service.until_heard(1)
        await service.cancel(*jobs[:3])
        for those in (jobs[3:5], jobs[5:8]):
            async with service.up(listeners=1):
                await service.cancel(those[0])
            await service.cancel(*those[1:])
        async with service.up(listeners=1):
            await service.cancel(jobs[8])
            async with asyncio.timeout(20):
                heard = await hearing
    assert [(job.id, job.status) for job in heard] == [(job_id, "CANCELLED") for job_id in jobs]


async def test_a_watch_outlives_a_restart(service: Service, connect: Connect) -> None:
    """The end that it sees may have come while the service was away."""
    job_id = await service.submit()
    async with connect(service.url, timeout=5) as tracker:
        async with service.up():
            watching = asyncio.create_task(take(tracker.watch(job_id), 2))
            await service.until_heard(1)
        await service.cancel(job_id)
        async with service.up(), asyncio.timeout(20):
            assert [job.status for job in await watching] == ["PENDING", "CANCELLED"]


async def test_what_the_service_no_more_keeps_is_a_gap(service: Service, connect: Connect, redis: Redis) -> None:
    """Told to whoever listens for it, and the stream goes on; else it is an error."""
    jobs = [await service.submit() for _ in range(3)]
    heard: list[str] = []
    async with connect(service.url, timeout=5) as tracker:
        async with service.up():
            with_ears = asyncio.create_task(take(tracker.stream(on_gap=heard.append), 2))
            without = asyncio.create_task(take(tracker.stream(), 1))
            await service.until_heard(2)
        await service.cancel(*jobs[:2])
        await redis.xtrim(name("feed"), maxlen=1, approximate=False)
        async with service.up(), asyncio.timeout(20):
            with pytest.raises(ChangesMissed):
                await without
            while not heard:
                await asyncio.sleep(0.02)
            await service.cancel(jobs[2])
            assert [job.id for job in await with_ears] == jobs[1:]
    assert len(heard) == 1


async def test_a_stream_tells_what_matches_and_may_be_seen(service: Service, connect: Connect) -> None:
    """As the list does."""
    mine = [await service.submit(labels={"order": "8"}), await service.submit(labels={"order": "9"})]
    theirs = await service.submit("shop", labels={"order": "8"})
    async with service.up(), connect(service.url) as own, connect(service.url, key="auditor") as every:
        hearing = [
            asyncio.create_task(take(own.stream(), 2)),
            asyncio.create_task(take(own.stream(labels={"order": "9"}), 1)),
            asyncio.create_task(take(every.stream(status=["CANCELLED", "FAILED"]), 3)),
            asyncio.create_task(take(every.stream(owner="shop"), 1)),
        ]
        await service.until_heard(4)
        await service.cancel(theirs, *mine)
        heard = [[job.id for job in await one] for one in hearing]
    assert heard == [mine, mine[1:], [theirs, *mine], [theirs]]

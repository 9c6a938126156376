"""A thousand listen to one process: how soon each has the end of a job, and what a delivery costs.

Against bare ASGI with one shared reader (`bench.bare`), in turn, on the same Redis and the same jobs.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from statistics import median, quantiles

from redis.asyncio import Redis
from rich.console import Console
from rich.table import Table

from bench.bare import KEY
from bench.measures import Measure, Scale, in_turn, ratio
from bench.place import SERVICE, Served, a_redis, a_store, serving
from tests.door import KEYS
from tests.samples import SILENCE, WEBHOOKS, delivered, pending_job, upstream_id
from tracker.clock import utc_now
from tracker.events import Accepted, Event
from tracker.job import Status
from tracker.store.jobs import JobStore

BARE = ("uvicorn", "bench.bare:app", "--log-level", "warning")
FINAL = b'"status":"COMPLETED"'
PROGRESS = (20, 40, 60, 80)
JOBS = 10
"""Whose lives are told in a round."""
PAUSE = 0.02
"""Between two changes, so that few are taken together."""


@dataclass
class Round:
    """`ends`: seconds from the moment when a final state was in Redis to each listener's having it."""

    deliveries: int
    cpu: float
    ends: list[float] = field(default_factory=list)

    @property
    def us(self) -> float:
        return self.cpu / self.deliveries * 1e6


class Crowd:
    """Raw connections, so that those who listen cost little; the time at which each has had so many final states."""

    def __init__(self) -> None:
        self.events = 0
        self.finals: list[list[float]] = []

    async def join(self, stack: AsyncExitStack, served: Served, path: str) -> None:
        reader, writer = await asyncio.open_connection(served.host, served.port)
        stack.callback(writer.close)
        key = KEYS["ops"][0]
        writer.write(f"GET {path} HTTP/1.1\r\nHost: bench\r\nX-API-Key: {key}\r\n\r\n".encode())
        await reader.readuntil(b": ")
        times: list[float] = []
        self.finals.append(times)
        task = asyncio.create_task(self._listen(reader, times))
        stack.callback(task.cancel)

    async def _listen(self, reader: asyncio.StreamReader, times: list[float]) -> None:
        while event := await reader.readuntil(b"\n\n"):
            self.events += b"event: job" in event
            if FINAL in event:
                times.append(time.monotonic())

    async def until(self, finals: int) -> None:
        async with asyncio.timeout(30):
            while any(len(times) < finals for times in self.finals):
                await asyncio.sleep(0.005)


async def to_the_end(store: JobStore, told: Callable[[str], Awaitable[None]] | None = None) -> float:
    """A job's life, a change at a time; returns when its end was in Redis."""
    job, up = pending_job(utc_now(), owner="ops"), upstream_id()
    await store.create(job, b"PNG")
    await store.work.claim(utc_now(), lease=SILENCE, max_in_flight=10_000, webhooks=WEBHOOKS)
    steps: list[Event] = [
        Accepted(up, Status.QUEUED),
        *(delivered(up, Status.PROCESSING, progress=n) for n in PROGRESS),
    ]
    for event in [*steps, delivered(up, Status.COMPLETED)]:
        await asyncio.sleep(PAUSE)
        await store.apply(event, utc_now(), job_id=job.id, silence=SILENCE)
        if told:
            await told(job.id)
    return time.monotonic()


async def one_round(redis_url: str, listeners: int, jobs: int, command: Sequence[str]) -> Round:
    ours = command == SERVICE
    async with a_store(redis_url) as (store, redis), AsyncExitStack() as stack:
        await redis.flushall()
        await store.ready()
        served = await stack.enter_async_context(serving(redis_url, command))
        crowd = Crowd()
        for _ in range(listeners):
            await crowd.join(stack, served, "/v1/stream")
        before = served.cpu_seconds()
        ended = [await to_the_end(store, None if ours else _passing_on(store, redis)) for _ in range(jobs)]
        await crowd.until(jobs)
        spent = served.cpu_seconds() - before
    ends = [at - end for times in crowd.finals for at, end in zip(times, ended, strict=True)]
    return Round(crowd.events, spent, ends)


def _passing_on(store: JobStore, redis: Redis) -> Callable[[str], Awaitable[None]]:
    async def told(job_id: str) -> None:
        stored = await store.get(job_id)
        assert stored is not None
        await redis.xadd(KEY, {"job": stored.job.model_dump_json(by_alias=True)})

    return told


def run(console: Console, scale: Scale) -> list[Measure]:
    with a_redis() as redis_url:
        kinds = {
            name: partial(one_round, redis_url, scale.listeners, JOBS, command)
            for name, command in (("ours", SERVICE), ("bare", BARE))
        }
        found = asyncio.run(in_turn(console, scale.rounds, kinds, "streams"))
    console.print(_table(scale, found))
    cost = {name: [one.us for one in rounds] for name, rounds in found.items()}
    last = max(end for one in found["ours"] for end in one.ends)
    return [
        Measure(f"{scale.listeners:,} listeners: CPU a delivery, to bare", ratio(cost["ours"], cost["bare"]), 1.6, 1.2),
        Measure(f"{scale.listeners:,} listeners: the last of all has a final state after", last, 1, unit=" s"),
    ]


def _table(scale: Scale, found: Mapping[str, Sequence[Round]]) -> Table:
    table = Table(title=f"{scale.listeners:,} listeners on one process, {JOBS} jobs a round, {scale.rounds} rounds")
    for column in ("", "CPU a delivery", "final state: p50", "p99", "last of all"):
        table.add_column(column, justify="right" if column else "left")
    for name, rounds in found.items():
        ends = [end for one in rounds for end in one.ends]
        cost, late = median(one.us for one in rounds), quantiles(ends, n=100)[98]
        times = (f"{seconds * 1e3:.0f} ms" for seconds in (median(ends), late, max(ends)))
        table.add_row(name, f"{cost:.1f} µs", *times)
    return table

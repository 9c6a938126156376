"""Who takes webhooks: ours, L1, the usual service. How each is made ready, measured, and looked at afterwards."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import cache
from typing import Any

from redis.asyncio import Redis

from bench import l1
from bench.load import Answered, Sending, load, prepared
from bench.place import PROCESSORS, SERVICE, Served, a_store, keep_on, serving
from bench.traffic import End, Traffic, traffic
from tests.samples import SILENCE, WEBHOOKS, pending_job
from tracker.clock import utc_now
from tracker.events import Accepted
from tracker.ids import token
from tracker.job import Job, Status
from tracker.store.jobs import JobStore
from tracker.trail import Trail

USUAL = ("uvicorn", "bench.usual:app", *l1.OPTIONS)
AT_ONCE = 50
WARM_UP = 20
"""Jobs whose deliveries come before those that count."""
made = cache(traffic)
Beside = Callable[[Served], Awaitable[Sending]]


@dataclass(frozen=True)
class Contender:
    """`ends` tells how jobs stand afterwards, None where nothing is stored."""

    command: Sequence[str]
    redis_url: str
    prepare: Callable[[JobStore, Traffic], Awaitable[None]] | None = None
    ends: Callable[[JobStore, Any, Traffic], Awaitable[dict[str, End]]] | None = None


@dataclass(frozen=True)
class Round:
    """`cpu` and `redis_cpu` in µs a request; `beside` is what was sent at the same time."""

    answered: Answered
    cpu: float
    redis_cpu: float
    jobs_wrong: int
    beside: Answered | None = None

    @property
    def faults(self) -> int:
        """Jobs that stand wrong, requests without their answer, forged ones that were taken."""
        sent = [self.answered, *([self.beside] if self.beside else [])]
        return self.jobs_wrong + sum(sum(one.wrong.values()) for one in sent)


def ours(redis_url: str) -> Contender:
    return Contender(SERVICE, redis_url, submitted, our_ends)


def bare(redis_url: str) -> Contender:
    return Contender(l1.COMMAND, redis_url)


def usual(redis_url: str) -> Contender:
    return Contender(USUAL, redis_url, None, usual_ends)


async def one_round(
    contender: Contender, jobs: int, rate: float = 0.0, beside: Beside | None = None, processes: int = 1
) -> Round:
    """On an emptied Redis, in a process of its own; several take any processor. `beside` goes on at the same time."""
    sent = made(jobs)
    async with a_store(contender.redis_url) as (store, redis), AsyncExitStack() as stack:
        await redis.flushall()
        await store.ready()
        for part in (made(WARM_UP, seed=1), sent):
            if contender.prepare:
                await contender.prepare(store, part)
        all_served = [
            await stack.enter_async_context(serving(contender.redis_url, contender.command)) for _ in range(processes)
        ]
        for served in all_served if processes > 1 else ():
            keep_on(served.process, PROCESSORS)
        await load(made(WARM_UP, seed=1).requests, [served.port for served in all_served])
        return await _measured(contender, store, redis, all_served, sent, rate, beside)


async def _measured(
    contender: Contender, store: JobStore, redis: "Redis", served: Sequence[Served], sent: Traffic, rate: float,
    beside: Beside | None,
) -> Round:  # fmt: skip
    other = await beside(served[0]) if beside else None
    sending = await prepared(sent.requests, [one.port for one in served], rate)
    cpu, redis_cpu = _cpu(served), await redis_seconds(redis)
    answered, *besides = await asyncio.gather(*(one.answered() for one in (sending, other) if one))
    cpu, redis_cpu = _cpu(served) - cpu, await redis_seconds(redis) - redis_cpu
    ends = await contender.ends(store, redis, sent) if contender.ends else sent.ends
    count = len(sent.requests)
    return Round(answered, cpu / count * 1e6, redis_cpu / count * 1e6, wrong(ends, sent), *besides)


def _cpu(served: Sequence[Served]) -> float:
    return sum(one.cpu_seconds() for one in served)


async def redis_seconds(redis: "Redis") -> float:
    """Of its processor, used so far."""
    used = await redis.info("cpu")
    return float(used["used_cpu_user"]) + float(used["used_cpu_sys"])


def wrong(ends: dict[str, End], sent: Traffic) -> int:
    """How many jobs do not stand as they must."""
    return sum(not _as_due(ends.get(job_id), due) for job_id, due in sent.ends.items())


def _as_due(end: End | None, due: End) -> bool:
    return end is not None and (end.status, end.says) == (due.status, due.says) and due.progress in (None, end.progress)


async def submitted(store: JobStore, sent: Traffic) -> None:
    """Ours as they stand when upstream has taken them."""
    jobs = [pending_job(utc_now(), id=job_id) for job_id in sent.upstream]
    await _each(jobs, lambda job: store.create(job, b"PNG", trail=Trail.of(token())))
    await _each(jobs, lambda _: store.work.claim(utc_now(), lease=SILENCE, max_in_flight=10**6, webhooks=WEBHOOKS))
    await _each(jobs, lambda job: _accepted(store, job, sent.upstream[job.id]))


async def _accepted(store: JobStore, job: Job, up: str) -> None:
    await store.apply(Accepted(up, Status.QUEUED), utc_now(), job_id=job.id, silence=SILENCE)


async def _each(jobs: Sequence[Job], do: Callable[[Job], Awaitable[Any]]) -> None:
    for first in range(0, len(jobs), AT_ONCE):
        await asyncio.gather(*(do(job) for job in jobs[first : first + AT_ONCE]))


async def our_ends(store: JobStore, _: Any, sent: Traffic) -> dict[str, End]:
    found = [await store.get(job_id) for job_id in sent.ends]
    return {stored.job.id: _our_end(stored.job) for stored in found if stored}


def _our_end(job: Job) -> End:
    grid = (job.result.grid_url if job.result else None) or ""
    return End(job.status, job.progress, job.error.message if job.error else grid)


async def usual_ends(_: JobStore, redis: Any, sent: Traffic) -> dict[str, End]:
    found = await redis.mget([f"job:{job_id}" for job_id in sent.ends])
    jobs = [json.loads(document) for document in found if document]
    return {job["id"]: End(job["status"], job["progress"], job["error"] or job["grid_url"] or "") for job in jobs}

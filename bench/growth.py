"""Whether what people ask for takes longer with many jobs in Redis than with few, and how deliveries fare meanwhile.

One after the other on one connection, so that what is measured is the time an answer takes and not how it queues.
"""

import asyncio
import time
from contextlib import AsyncExitStack, ExitStack, closing
from math import ceil
from statistics import median

from redis.asyncio import Redis
from rich.console import Console

from bench.contenders import our_ends, submitted, wrong
from bench.filling import fill
from bench.load import Asker, load
from bench.measures import Measure, Scale, ratio, spread
from bench.place import RETENTION, Served, a_redis, a_store, serving
from bench.reads import get
from bench.traffic import DELIVERIES, Request, traffic
from tracker.clock import utc_now
from tracker.store.jobs import JobStore
from tracker.store.keys import name
from workers import tidy

FEW = 1_000
ASKED = 200
RATE = 500.0
"""Deliveries a second while retention removes jobs."""


def run(console: Console, scale: Scale) -> list[Measure]:
    with a_redis() as few, a_redis() as many:
        return asyncio.run(_run(console, scale, few, many))


async def _run(console: Console, scale: Scale, few: str, many: str) -> list[Measure]:
    asked: dict[str, dict[str, list[Request]]] = {}
    async with AsyncExitStack() as stack:
        served = {}
        for which, jobs, redis_url in (("few", FEW, few), ("many", scale.many, many)):
            store, redis = await stack.enter_async_context(a_store(redis_url))
            began = time.perf_counter()
            await fill(redis_url, jobs)
            console.print(f"{jobs:,} jobs were put in through the store in {time.perf_counter() - began:,.0f} s.")
            asked[which] = await _questions(redis)
            served[which] = await stack.enter_async_context(serving(redis_url))
        measures = [await _compared(console, scale, what, served, asked) for what in ("get one", "list 50", "stats")]
        return [*measures, *await _retired(console, scale, store, served["many"])]


async def _questions(redis: "Redis") -> dict[str, list[Request]]:
    """Of jobs of every age."""
    chosen = await redis.zrandmember(name("jobs"), ASKED)
    return {
        "get one": [get(f"/v1/jobs/{job_id.decode()}") for job_id in chosen],
        "list 50": [get("/v1/jobs?limit=50")] * ASKED,
        "stats": [get("/v1/stats")] * ASKED,
    }


async def _compared(
    console: Console, scale: Scale, what: str, served: dict[str, Served], asked: dict[str, dict[str, list[Request]]]
) -> Measure:
    """Each is asked once in turn, so that a neighbour disturbs both alike."""
    rounds = [
        await asyncio.to_thread(_in_turn, {which: (one.port, asked[which][what]) for which, one in served.items()})
        for _ in range(scale.rounds)
    ]
    found = {which: [one[which] for one in rounds] for which in served}
    shown = ", ".join(f"{which} {spread([each * 1e3 for each in times], 2)} ms" for which, times in found.items())
    console.print(f"{what}, p50 of {ASKED}: {shown}")
    return Measure(f"{what}: p50 with {scale.many:,} jobs to {FEW:,}", ratio(found["many"], found["few"]), 1.3, 1.1)


def _in_turn(asked: dict[str, tuple[int, list[Request]]]) -> dict[str, float]:
    """The p50 of each, in seconds."""
    taken: dict[str, list[float]] = {which: [] for which in asked}
    with ExitStack() as stack:
        lines = {which: stack.enter_context(closing(Asker(port))) for which, (port, _) in asked.items()}
        for number in range(ASKED):
            for which, (_, requests) in asked.items():
                taken[which].append(lines[which].ask(requests[number].data))
    return {which: median(times) for which, times in taken.items()}


async def _retired(console: Console, scale: Scale, store: JobStore, served: Served) -> list[Measure]:
    """Deliveries without retention and with it, in turn, then with it until every job that had ended is removed."""
    ended, without, meanwhile, spent, over = utc_now() + RETENTION, list[float](), list[float](), 0.0, False
    while not over:
        if len(without) < scale.rounds:
            without.append(await _delivered(store, served, scale.seconds, 2 * len(meanwhile)))
        began = time.perf_counter()
        removing = asyncio.create_task(tidy.retired(store, lambda: ended))
        meanwhile.append(await _delivered(store, served, scale.seconds, 2 * len(meanwhile) + 1))
        spent += time.perf_counter() - began
        over = not removing.cancel()
        await asyncio.wait([removing])
    console.print(f"{scale.many:,} jobs were removed in {spent:,.0f} s.")
    for when, found in (("without", without), ("with", meanwhile)):
        shown = spread([p99 * 1e3 for p99 in found], 1)
        console.print(f"p99 of {RATE:,.0f} deliveries a second {when} retention, {len(found)} rounds: {shown} ms")
    slower = ratio(meanwhile[: len(without)], without)
    return [Measure(f"webhooks: p99 while retention removes {scale.many:,} jobs, to without", slower, 2)]


async def _delivered(store: JobStore, served: Served, seconds: float, seed: int) -> float:
    """The p99 of a stretch of traffic, once it is known that every job stands as it must."""
    sent = traffic(ceil(RATE * seconds / DELIVERIES), seed=100 + seed)
    await submitted(store, sent)
    answered = await load(sent.requests, [served.port], RATE)
    faults = wrong(await our_ends(store, None, sent), sent)
    assert (answered.wrong, faults) == ({}, 0)
    return answered.p99

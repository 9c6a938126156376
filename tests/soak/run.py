"""One soak from beginning to end."""

import asyncio
import time
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from pathlib import Path

import httpx
from redis.asyncio import Redis

from tests.soak import evidence, faults
from tests.soak.callers import SIZE, Callers
from tests.soak.evidence import Evidence
from tests.soak.parts import Parts, started, until_up
from tests.soak.plan import Plan
from tests.soak.verdicts import SETTLED_WITHIN
from tracker.clock import utc_now
from tracker.errors import StoreUnavailable
from tracker.job import Status
from tracker.store.connection import connect
from tracker.store.jobs import JobStore

START_SECONDS, JUDGE_SECONDS = 30, 120


async def soak(plan: Plan, folder: Path) -> Evidence:
    """Raises TimeoutError where a start, or the judgement, takes longer than it ever should."""
    bound = plan.seconds + SETTLED_WITHIN.total_seconds() + START_SECONDS + JUDGE_SECONDS
    async with asyncio.timeout(bound), AsyncExitStack() as stack:
        parts = stack.enter_context(started(plan, folder))
        upstream = await stack.enter_async_context(httpx.AsyncClient(base_url=parts.sandbox_url, timeout=60))
        redis = connect(parts.redis_url, reply_within=10)
        stack.push_async_callback(redis.aclose)
        await until_up(parts)
        return await _ordeal(plan, parts, upstream, redis)


async def _ordeal(plan: Plan, parts: Parts, upstream: httpx.AsyncClient, redis: Redis) -> Evidence:
    began = time.monotonic()
    parent = (await upstream.post("/sandbox/jobs", json={"width": SIZE, "height": SIZE})).json()["jobId"]
    store = JobStore(redis, retention=timedelta(days=30), submit_within=timedelta(days=1))
    async with Callers.of(parts.service_url, parent) as callers:
        submitting = asyncio.create_task(callers.submit(plan.wishes()))
        strikes = await faults.rage(plan, parts, upstream)
        calm_at = utc_now()
        await _settle(store, submitting)
    for name in ("worker", "second worker", "service"):  # what is looked at now is to stand still
        await parts.killable[name].stop()
    return Evidence(
        told=callers.told,
        calm_at=calm_at,
        ours=await evidence.ours(store),
        upstream=await evidence.upstreams(upstream),
        leftovers=await evidence.leftovers(redis),
        untimed=await evidence.untimed(redis),
        disagreement=await evidence.disagreement(redis),
        troubles=evidence.troubles(parts),
        strikes=strikes,
        blows=parts.blows(),
        seconds=time.monotonic() - began,
    )


async def _settle(store: JobStore, submitting: "asyncio.Task[None]") -> None:
    """Until every submission was answered and every job has ended, or the time for it is over."""
    with suppress(TimeoutError):
        async with asyncio.timeout(SETTLED_WITHIN.total_seconds()):
            await submitting
            while not await _all_final(store):
                await asyncio.sleep(0.5)


async def _all_final(store: JobStore) -> bool:
    try:
        jobs = (await store.figures(utc_now())).jobs
    except StoreUnavailable:
        return False
    return not any(jobs[status] for status in Status if not status.is_final)

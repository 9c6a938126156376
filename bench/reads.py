"""GET /v1/jobs/{id}, to bare uvicorn that answers with the same bytes."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from statistics import median

import httpx
from rich.console import Console
from rich.table import Table

from bench import l1
from bench.contenders import made, submitted
from bench.load import load
from bench.measures import Measure, Scale, in_turn, ratio, spread
from bench.place import Served, a_redis, a_store, serving
from bench.traffic import Request
from tests.door import key
from tests.samples import SILENCE, delivered
from tracker.clock import utc_now
from tracker.job import Status
from tracker.store.jobs import JobStore

ASKED = 10
"""How often each job is asked for in a round."""


def run(console: Console, scale: Scale) -> list[Measure]:
    with a_redis() as redis_url:
        return asyncio.run(_run(console, scale, redis_url))


async def _run(console: Console, scale: Scale, redis_url: str) -> list[Measure]:
    async with a_store(redis_url) as (store, _), AsyncExitStack() as stack:
        ids = await _finished(store, scale.jobs)
        ours = await stack.enter_async_context(serving(redis_url))
        same = await _answer(ours, ids[0])
        bare = await stack.enter_async_context(serving(redis_url, l1.COMMAND, BENCH_SAME=same))
        kinds = {name: partial(_round, served, ids) for name, served in {"ours": ours, "bare": bare}.items()}
        found = await in_turn(console, scale.rounds, kinds, "reads")
    table = Table(title=f"GET /v1/jobs/ID, {scale.rounds} rounds; median (from, to)")
    for column in ("", "a second", "CPU µs"):
        table.add_column(column, justify="right" if column else "left")
    for name, rounds in found.items():
        rates, cpu = zip(*rounds, strict=True)
        table.add_row(name, spread(rates), f"{median(cpu):.0f}")
    console.print(table)
    rates_of = {name: [rate for rate, _ in rounds] for name, rounds in found.items()}
    return [Measure("GET a job: rate to bare with the same bytes", ratio(rates_of["ours"], rates_of["bare"]), 0.3, 0.5,
                    True)]  # fmt: skip


async def _finished(store: JobStore, jobs: int) -> list[str]:
    sent = made(jobs)
    await submitted(store, sent)
    for job_id, up in sent.upstream.items():
        await store.apply(delivered(up, Status.COMPLETED), utc_now(), job_id=job_id, silence=SILENCE)
    return list(sent.upstream)


async def _answer(served: Served, job_id: str) -> str:
    async with httpx.AsyncClient(base_url=served.url, headers=key("ops")) as api:
        answer = await api.get(f"/v1/jobs/{job_id}")
    assert answer.json()["status"] == "COMPLETED"
    return answer.text


async def _round(served: Served, ids: Sequence[str]) -> tuple[float, float]:
    """Answers a second, and µs of processor an answer."""
    asked = [get(f"/v1/jobs/{job_id}") for job_id in ids] * ASKED
    used = served.cpu_seconds()
    answered = await load(asked, [served.port])
    assert not answered.wrong, answered.wrong
    return answered.rate, (served.cpu_seconds() - used) / len(asked) * 1e6


def get(path: str) -> Request:
    """With the key of an operator."""
    headers = "".join(f"{name}: {value}\r\n" for name, value in key("ops").items())
    return Request(f"GET {path} HTTP/1.1\r\nHost: bench\r\n{headers}\r\n".encode())

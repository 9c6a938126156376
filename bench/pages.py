"""What a page of jobs takes with many jobs in Redis, against the same with few: the dashboard's, and the API's list."""

import asyncio
import time
from statistics import median

import httpx
from rich.console import Console
from rich.progress import track
from rich.table import Table

from bench.filling import fill
from bench.measures import Measure, Scale
from bench.place import Served, a_redis, serving
from tests.door import KEYS, key

PATHS = (
    "/", "/?status=FAILED", "/?status=PENDING&status=QUEUED", "/?owner=shop&status=COMPLETED", "/?label.order=17",
    "/health", "/v1/jobs?limit=50", "/v1/stats",
)  # fmt: skip
FEW, ASKED = 1_000, 30


async def ask(served: Served) -> dict[str, list[float]]:
    """Seconds of each answer, by path."""
    async with httpx.AsyncClient(base_url=served.url) as api:
        form = await api.get("/sign-in")
        token = form.text.partition('name="csrf" value="')[2].partition('"')[0]
        await api.post("/sign-in", data={"key": KEYS["ops"][0], "csrf": token, "next": "/"})
        taken: dict[str, list[float]] = {path: [] for path in PATHS}
        for _ in range(ASKED):
            for path in PATHS:
                began = time.perf_counter()
                answer = await api.get(path, headers=key("ops") if path.startswith("/v1") else {})
                taken[path].append(time.perf_counter() - began)
                assert answer.status_code == 200, (path, answer.status_code)
    return taken


async def measured(jobs: int) -> tuple[float, dict[str, list[float]]]:
    with a_redis() as redis_url:
        began = time.perf_counter()
        await fill(redis_url, jobs)
        filled = time.perf_counter() - began
        async with serving(redis_url) as served:
            return filled, await ask(served)


def run(console: Console, scale: Scale) -> list[Measure]:
    many = min(scale.many, 100_000)
    found = {jobs: asyncio.run(measured(jobs)) for jobs in track((FEW, many), "pages", console=console, transient=True)}
    table = Table(title=f"Pages with {FEW:,} jobs in Redis and with {many:,}, median of {ASKED}")
    for column in ("", f"{FEW:,}", f"{many:,}", "ratio"):
        table.add_column(column, justify="right" if column else "left")
    ratios = []
    for path in PATHS:
        small, large = (median(found[jobs][1][path]) * 1e3 for jobs in (FEW, many))
        ratios.append(large / small)
        table.add_row(path, f"{small:.1f} ms", f"{large:.1f} ms", f"{ratios[-1]:.2f}")
    console.print(table)
    console.print(f"{many:,} jobs were put in through the store in {found[many][0]:.0f} s.")
    return [Measure(f"the slowest growing page: p50 with {many:,} jobs to {FEW:,}", max(ratios), 2)]

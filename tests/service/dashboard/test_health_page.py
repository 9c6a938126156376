"""The health page: what is lost, slow, waiting, stopped or spent, and what is wrong with Redis."""

import asyncio
import sys
from datetime import time, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest
from redis.asyncio import Redis

from service.dashboard.charts import HEIGHT, WIDTH, bars
from service.dashboard.health import _losing, _percentile
from tests.door import door, key, settings_for, submission
from tests.redis_server import redis_server, without_room
from tests.samples import Sample, looked_up, moments, pending_job
from tests.service.dashboard.visiting import Page, get, signed_in
from tracker.clock import utc_now
from tracker.job import Outcome, Status
from tracker.store.connection import connect
from tracker.store.deliveries import Deliveries, Line
from tracker.store.jobs import JobStore
from tracker.transitions import State


def tiles(page: Page) -> dict[str, str]:
    """By name, what each says, warnings marked."""
    names = [one.text for one in page.all("dt") if one.text]
    return dict(zip(names, (" ".join(one.text.split()) for one in page.all("dd")), strict=False))


async def test_a_pause_is_told_with_its_reason_and_can_be_ended(ops: httpx.AsyncClient) -> None:
    """Else there is a button to begin one."""
    page = await get(ops, "/health")
    assert [one.attributes["data-action"] for one in page.all("button", data_action="*")] == ["pause"]
    await ops.post("/v1/queue/pause", json={"reason": "maintenance"}, headers=key("ops"))
    page = await get(ops, "/health")
    assert [one.attributes["data-action"] for one in page.all("button", data_action="*")] == ["resume"]
    assert all(word in page.one(id="paused").text for word in ("by ops", "maintenance"))
    assert "maintenance" in (await get(ops, "/")).one(data_part="paused").text


async def test_what_waits_is_told_by_owner(ops: httpx.AsyncClient) -> None:
    """The longest queue first, each leading to its jobs."""
    for owner in ("editor", "shop", "shop"):
        assert (await ops.post("/v1/jobs", json=submission(), headers=key(owner))).status_code == 202
    page = await get(ops, "/health")
    waiting = [link.attributes["href"] for link in page.all("a") if "status=PENDING" in link.attributes["href"]]
    assert waiting == ["/?owner=shop&status=PENDING", "/?owner=editor&status=PENDING"]
    assert tiles(page)["Waiting"].startswith("3")


async def test_lost_webhooks_and_credits_are_counted(ops: httpx.AsyncClient, store: JobStore) -> None:
    """One of one is lost here; 16 credits were spent for it."""
    sample = Sample(store)
    sample.clock = moments(utc_now() - timedelta(seconds=30))
    sample.job = pending_job(next(sample.clock))
    await sample.in_state(State.PROCESSING)
    assert tiles(await get(ops, "/health"))["Oldest in flight"].endswith("UTC")
    await sample.apply(looked_up(sample.up, Status.COMPLETED))
    told = tiles(await get(ops, "/health"))
    assert told["Lost"].startswith("100.0 % 1 of 1"[:7])
    assert told["Today"].startswith("16") or utc_now().time() < time(0, 1)  # what ended yesterday was spent yesterday
    assert told["30 days"].startswith("16")


async def test_acknowledgements_are_those_of_every_process(ops: httpx.AsyncClient, redis: Redis) -> None:
    """From the log of deliveries: the last thousand genuine ones."""
    log = Deliveries(redis, timedelta(days=1))
    lines = {
        f"01a20a29-6498-7000-893e-{n:012d}": Line(outcome=Outcome.APPLIED, secret_form="hex", ms=float(n))
        for n in range(1, 1101)
    }
    await log.write(lines)
    told = tiles(await get(ops, "/health"))
    assert told["Acknowledged, p50"].startswith("601.0 ms")
    assert told["Acknowledged, p99"].startswith("1091.0 ms")


async def test_redis_that_may_lose_jobs_is_warned_of(ops: httpx.AsyncClient, redis: Redis) -> None:
    """Eviction other than noeviction, and no append-only file; memory in use besides."""
    page = await get(ops, "/health")
    assert "appendonly" in page.one(data_part="redis").text
    assert "maxmemory-policy is" not in page.text()
    try:
        await redis.config_set("maxmemory-policy", "allkeys-lru")
        warned = await get(ops, "/health")
        assert "maxmemory-policy is allkeys-lru" in warned.text()
        assert "MiB" in tiles(warned)["Memory"]
    finally:
        await redis.config_set("maxmemory-policy", "noeviction")


async def test_redis_that_is_nearly_full_is_warned_of(ops: httpx.AsyncClient, redis: Redis) -> None:
    """Before it refuses what is new."""
    assert "nearly full" not in (await get(ops, "/health")).text()
    try:
        await redis.config_set("maxmemory", int((await redis.info("memory"))["used_memory"] * 1.1))
        assert "nearly full" in (await get(ops, "/health")).one(data_part="redis").text
    finally:
        await redis.config_set("maxmemory", 0)


@pytest.mark.skipif(sys.platform != "linux", reason="a full disk is made by Linux' limits of a process")
async def test_a_file_that_cannot_be_written_is_an_alarm() -> None:
    """The page is still to be had, with what is to be done."""
    with TemporaryDirectory(prefix="it-") as folder, redis_server(Path(folder), "--appendonly", "yes") as url:
        async with door(settings_for(url)) as api, connect(url) as redis, asyncio.timeout(10):
            await signed_in(api)
            await without_room(redis)
            page = await get(api, "/health")
            assert "cannot be written" in tiles(page)["Persistence"]
            assert "Make room on its disk" in page.one(data_part="redis").text


def test_a_rate_of_lost_webhooks_is_a_warning_once_it_means_something() -> None:
    """One of two is chance."""
    assert [_losing({"lastHour": 0, "due": due, "rate": rate}) for due, rate in ((0, None), (2, 0.5), (20, 0.05))] == [
        False,
        False,
        True,
    ]


@pytest.mark.parametrize(("part", "found"), [(0.5, 51.0), (0.99, 100.0)])
def test_percentiles_are_by_rank(part: float, found: float) -> None:
    """Of nothing there is none."""
    assert _percentile([float(n) for n in range(1, 101)], part) == found
    assert _percentile([], part) is None


def test_a_chart_fits_its_frame_and_can_be_read_aloud() -> None:
    """The highest bar is as high as the chart; one that stands for little is seen; nothing is no bar."""
    chart = bars([("Monday", 1000.0), ("Tuesday", 0.0), ("Wednesday", 1.0)], lambda value: f"{value:.0f} credits")
    assert [bar.height for bar in chart.bars] == [HEIGHT, 0, 1.5]
    assert all(bar.x >= 0 and bar.x + bar.width <= WIDTH and bar.y + bar.height <= HEIGHT for bar in chart.bars)
    assert chart.sentence == "Monday to Wednesday: 1001 credits in all, most at Monday, with 1000 credits."
    assert bars([], str).sentence == bars([("Monday", 0.0)], str).sentence == "Nothing in this time."


async def test_charts_have_a_text_alternative(ops: httpx.AsyncClient) -> None:
    """A sentence, and a table."""
    page = await get(ops, "/health")
    assert all(chart.attributes["aria-label"].endswith(".") for chart in page.all("svg", role="img"))
    assert (
        len(page.all("svg", role="img")) == len([one for one in page.all("summary") if one.text == "As a table"]) == 2
    )

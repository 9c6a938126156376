"""How many webhooks a second are acknowledged, what one costs, and how long it takes: ours, L1, the usual service."""

import asyncio
import base64
import json
import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from io import BytesIO
from pathlib import Path
from shutil import disk_usage
from statistics import median
from tempfile import TemporaryFile
from typing import Any

from PIL import Image, ImageDraw
from rich.console import Console
from rich.table import Table

from bench.contenders import Round, bare, one_round, ours, usual
from bench.load import Sending, load, prepared
from bench.measures import Measure, Scale, in_turn, ratio, spread
from bench.place import Served, a_redis
from bench.traffic import DELIVERIES, Request
from tests.door import KEYS
from tests.samples import PARENT

ALWAYS = ("--appendonly", "yes", "--appendfsync", "always")
OURS, SYNCED, AT_ONCE = "ours", "ours, AOF always", "AOF in memory"
"""Without a file, with one on the disk, and with one in memory, for which syncing takes no time."""
IN_MEMORY, ROOM = Path("/dev/shm"), 512 * 1024 * 1024
MASKS_A_SECOND, MASK_SIDE = 20, 1024
"""A mask of so many pixels, not compressed, has 1 MB."""
BESIDE_MASKS = 0.25
"""Of our highest rate: decoding takes its share of the one processor, and what is left must do."""


def run(console: Console, scale: Scale) -> list[Measure]:
    kept = {OURS: a_redis(), SYNCED: a_redis(*ALWAYS)}
    if disk_usage(IN_MEMORY).free >= ROOM:
        kept[AT_ONCE] = a_redis(*ALWAYS, within=IN_MEMORY)
    with ExitStack() as stack:
        urls = {name: stack.enter_context(one) for name, one in kept.items()}
        return asyncio.run(_run(console, scale, urls))


async def _run(console: Console, scale: Scale, urls: Mapping[str, str]) -> list[Measure]:
    console.print(f"The disk under appendonly takes {sync_seconds() * 1e6:,.0f} µs to sync a line.")
    plain = urls[OURS]
    contenders = {name: ours(url) for name, url in urls.items()} | {"L1": bare(plain), "usual": usual(plain)}
    kinds = {name: partial(one_round, one, scale.jobs) for name, one in contenders.items()}
    found = await in_turn(console, scale.noisy, kinds, "webhooks")
    console.print(_table(f"Webhooks as fast as they go, {scale.jobs:,} jobs, {scale.noisy} rounds", found))
    highest = median(_rates(found[OURS]))
    timely, timely_faults = await _timely(console, scale, highest / 2, {OURS: ours(plain), "L1": bare(plain)})
    masks, masks_faults = await _beside_masks(console, scale, highest * BESIDE_MASKS, plain)
    faults = sum(one.faults for name in urls for one in found[name])
    return [
        *_fast(found),
        Measure("webhooks: CPU a delivery, to L1", ratio(_cpu(found[OURS]), _cpu(found["L1"]))),
        timely,
        masks,
        Measure("webhooks: jobs wrong, deliveries unacknowledged, forged ones taken",
                faults + timely_faults + masks_faults, 0),
    ]  # fmt: skip


def _fast(found: Mapping[str, Sequence[Round]]) -> list[Measure]:
    rates = {name: _rates(rounds) for name, rounds in found.items()}
    measures = [
        Measure("webhooks: rate to L1", ratio(rates[OURS], rates["L1"]), 0.6, 1.2, True),
        Measure("webhooks: rate to the usual service", ratio(rates[OURS], rates["usual"]), 8, 16, True),
        Measure(
            "webhooks: rate with appendfsync always, to without", ratio(rates[SYNCED], rates[OURS]), 0.75, 0.9, True
        ),
    ]
    if AT_ONCE in rates:
        measures.append(Measure("webhooks: the same where the disk takes no time", ratio(rates[AT_ONCE], rates[OURS])))
    return measures


def sync_seconds(times: int = 200) -> float:
    """Of writing some bytes where a Redis of ours writes, until they are on the disk; the median."""
    taken = []
    with TemporaryFile(prefix="be-", buffering=0) as file:
        for _ in range(times):
            began = time.perf_counter()
            file.write(bytes(300))
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - began)
    return median(taken)


def _rates(rounds: Sequence[Round]) -> list[float]:
    return [one.answered.rate for one in rounds]


def _cpu(rounds: Sequence[Round]) -> list[float]:
    return [one.cpu for one in rounds]


async def _timely(console: Console, scale: Scale, rate: float, contenders: Mapping[str, Any]) -> tuple[Measure, int]:
    jobs = round(rate * scale.seconds / DELIVERIES)
    kinds = {name: partial(one_round, one, jobs, rate) for name, one in contenders.items()}
    found = await in_turn(console, scale.noisy, kinds, "webhooks at half of that")
    console.print(_table(f"{rate:,.0f} webhooks a second, due at fixed times, {jobs:,} jobs", found))
    measure = Measure("webhooks: p99 at half of our rate, to L1's", ratio(_p99(found["ours"]), _p99(found["L1"])), 4, 2)
    return measure, sum(one.faults for one in found["ours"])


async def _beside_masks(console: Console, scale: Scale, rate: float, redis_url: str) -> tuple[Measure, int]:
    jobs, masks = round(rate * scale.seconds / DELIVERIES), round(MASKS_A_SECOND * scale.seconds)
    mask = _submission()

    async def submit(served: Served) -> Sending:
        await load([mask], [served.port])  # starts the helper, as the first deliveries warm up the rest
        return await prepared([mask] * masks, [served.port], MASKS_A_SECOND, last=True)

    kinds: dict[str, Callable[[], Awaitable[Round]]] = {
        "without": partial(one_round, ours(redis_url), jobs, rate),
        "with masks": partial(one_round, ours(redis_url), jobs, rate, submit),
    }
    found = await in_turn(console, scale.noisy, kinds, "webhooks beside masks")
    console.print(_table(f"{rate:,.0f} webhooks a second, without and with {MASKS_A_SECOND} masks of 1 MB", found))
    came = [one.beside.rate for one in found["with masks"] if one.beside]
    console.print(f"Masks answered a second, of {MASKS_A_SECOND} that were due: {spread(came, 1)}.")
    slower = ratio(_p99(found["with masks"]), _p99(found["without"]))
    faults = sum(one.faults for rounds in found.values() for one in rounds)
    return Measure(f"webhooks: p99 beside {MASKS_A_SECOND} masks of 1 MB a second, to without", slower, 2, 1.3), faults


def _p99(rounds: Sequence[Round]) -> list[float]:
    return [one.answered.p99 for one in rounds]


def _submission() -> Request:
    picture, file = Image.new("L", (MASK_SIDE, MASK_SIDE)), BytesIO()
    ImageDraw.Draw(picture).ellipse((200, 300, 700, 800), fill=255)
    picture.save(file, "PNG", compress_level=0)
    body = json.dumps({"parentJobId": PARENT, "mask": base64.b64encode(file.getvalue()).decode()}).encode()
    head = (
        f"POST /v1/jobs HTTP/1.1\r\nHost: bench\r\nX-API-Key: {KEYS['editor'][0]}\r\nContent-Type: application/json\r\n"
    )
    return Request(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)


def _table(title: str, found: Mapping[str, Sequence[Round]]) -> Table:
    table = Table(title=f"{title}; median (from, to)", min_width=100)
    for column in ("", "a second", "CPU µs", "Redis µs", "p50 ms", "p99 ms", "sender busy", "jobs wrong", "not right"):
        table.add_column(column, justify="right" if column else "left")
    for name, rounds in found.items():
        answers = [one.answered for one in rounds]
        table.add_row(
            name, spread([one.rate for one in answers]), f"{median(_cpu(rounds)):,.0f}",
            f"{median(one.redis_cpu for one in rounds):,.0f}", f"{median(one.p50 for one in answers) * 1e3:,.1f}",
            spread([one.p99 * 1e3 for one in answers], 1), f"{max(one.busy for one in answers):.0%}",
            str(sum(one.jobs_wrong for one in rounds)),
            ", ".join(f"{count} x {what}" for one in answers for what, count in one.wrong.items()) or "0",
        )  # fmt: skip
    return table

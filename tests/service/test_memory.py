"""A hundred large bodies at once, and how much the process grows by them."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from service.jobs import MAX_BODY
from service.lifespan import DOORSTEP, ROOM
from tests.door import key, submission
from tests.processes import Process, environment, free_port, started, until_ready
from tests.wire import Wire, statuses, wire

STATUS = Path("/proc/self/status")
pytestmark = pytest.mark.skipif(not STATUS.exists(), reason="Linux tells how much memory a process had at most")
AT_ONCE, PIECE = 100, 64 * 1024
COPIES = 2
"""Of what there is room for: the body as it came, and what is made of it."""
BESIDES = 64 * 1024 * 1024
"""Pictures that are decoded, and what a hundred connections take."""
HEAD = "POST {} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nX-API-Key: {}\r\n"


def peak(process: Process) -> int:
    """Bytes in memory, at most so far."""
    [kilobytes] = re.findall(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process.pid}/status").read_text())
    return int(kilobytes) * 1024


@pytest.fixture
async def served(redis: Redis, redis_url: str, tmp_path: Path) -> AsyncIterator[tuple[str, Process]]:
    """A process of its own that has had its first job."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    env = environment(redis_url, REQUEST_TIMEOUT_SECONDS="3", LOG_LEVEL="warning")
    async with started(["cli", "serve", "--port", str(port)], env, tmp_path / "log") as process:
        await until_ready(url, process)
        async with httpx.AsyncClient(base_url=url, headers=key("editor")) as api:
            assert (await api.post("/v1/jobs", json=submission())).status_code == 202
        yield url, process


async def sent(url: str, path: str, framing: str, *parts: bytes) -> int:
    """The status, as soon as it comes; 0 where there was none. Goes on sending until then."""
    head = HEAD.format(path, key("editor")["X-API-Key"])
    async with wire(url) as line:
        await line.send(f"{head}{framing}\r\n\r\n".encode())
        sending = asyncio.create_task(_send_all(line, parts))
        status = next(iter(statuses(await line.first())), 0)
        sending.cancel()
        return status


async def _send_all(line: Wire, parts: tuple[bytes, ...]) -> None:
    for part in parts:
        for at in range(0, len(part), PIECE):
            await line.send(part[at : at + PIECE])


async def _flood(times: int, *request: Any) -> Counter[int]:
    return Counter(await asyncio.gather(*[sent(*request) for _ in range(times)]))


@pytest.mark.parametrize(
    ("path", "framing", "parts", "expected"),
    [
        ("/v1/jobs", f"Content-Length: {MAX_BODY}", (b'{"mask":"', b"A" * (MAX_BODY - 11), b'"}'), {422, 503}),
        ("/v1/jobs", f"Content-Length: {MAX_BODY}", (b"A" * 500_000,), {408, 503}),
        ("/v1/jobs", f"Content-Length: {MAX_BODY * 40}", (b"A" * 1_000_000,), {413}),
        ("/v1/jobs", "Transfer-Encoding: chunked", (b"%x\r\n" % (MAX_BODY * 2), b"A" * (MAX_BODY * 2)), {413, 503}),
        ("/webhooks/apiframe", "Content-Length: 262144", (b"A" * 262_143,), {408}),
        ("/webhooks/apiframe", "Transfer-Encoding: chunked", (b"f0000000\r\n", b"A" * 9_000_000), {413}),
    ],
    ids=[
        "as large as may be",
        "never whole",
        "declared too large",
        "too large",
        "webhooks, slow",
        "webhooks, too large",
    ],
)
async def test_a_hundred_large_bodies_at_once_do_not_grow_the_process_beyond_a_bound(
    served: tuple[str, Process], path: str, framing: str, parts: tuple[bytes, ...], expected: set[int]
) -> None:
    """Some are read, the others refused; each has its answer, and small ones are taken throughout."""
    url, process = served
    before = peak(process)
    flood = asyncio.create_task(asyncio.to_thread(asyncio.run, _flood(AT_ONCE, url, path, framing, *parts)))
    async with httpx.AsyncClient(base_url=url, headers=key("editor"), timeout=20) as api:
        while not flood.done():
            assert (await api.post("/v1/jobs", json=submission())).status_code == 202
            await asyncio.sleep(0.2)
    grown, answered = peak(process) - before, await flood
    assert answered.keys() <= expected, answered
    assert grown < COPIES * (ROOM if path == "/v1/jobs" else DOORSTEP) + BESIDES

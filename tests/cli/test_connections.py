"""Connections: a head comes in time and is of a sane size, and each request is read in one way alone."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from cli.connections import MAX_IDLE_BYTES
from service.app import create_app
from service.failures import LINES
from tests.door import key, settings_for, signed, submission
from tests.processes import environment, free_port, log_lines, started, until_ready
from tests.samples import upstream_id
from tests.serving import serving
from tests.wire import statuses, told, wire

pytestmark = pytest.mark.usefixtures("redis")

KEY = f"X-API-Key: {key('editor')['X-API-Key']}\r\n".encode()
CLOSE = b"Connection: close\r\n"
GET = b"GET /v1/jobs HTTP/1.1\r\nHost: x\r\n" + KEY
POST = b"POST /v1/queue/resume HTTP/1.1\r\nHost: x\r\n" + f"X-API-Key: {key('ops')['X-API-Key']}\r\n".encode()
CHUNKED = b"Transfer-Encoding: chunked\r\n"


@pytest.fixture
async def url(redis: Redis, redis_url: str) -> AsyncIterator[str]:
    async with serving(create_app(settings_for(redis_url, request_timeout_seconds=0.3)), head_seconds=0.3) as url:
        yield url


@pytest.fixture
async def patient_url(redis: Redis, redis_url: str) -> AsyncIterator[str]:
    """Where heads have half a minute."""
    async with serving(create_app(settings_for(redis_url)), head_seconds=30) as url:
        yield url


async def test_headers_that_do_not_come_are_given_up(url: str) -> None:
    """408 to who has begun, however slowly it goes on; who says nothing is not answered."""
    started = time.monotonic()
    async with wire(url) as slow, wire(url) as silent:
        for byte in b"GET / HTTP/1":
            await slow.send(bytes([byte]))
            await asyncio.sleep(0.02)
        answer = await slow.until_closed()
        assert await silent.until_closed() == b""
    assert statuses(answer) == [408]
    assert time.monotonic() - started < 3


async def test_what_is_answered_before_its_body_is_there_is_not_waited_for_either(url: str) -> None:
    """Nor does an answer make a connection safe from that."""
    async with wire(url) as line:
        await line.send(b"POST /nowhere HTTP/1.1\r\nContent-Length: 999999\r\n\r\n")
        for _ in range(10):
            await line.send(b"x")
            await asyncio.sleep(0.02)
        assert statuses(await line.until_closed()) == [404]


async def test_a_second_request_on_a_connection_has_its_own_time(url: str) -> None:
    """Answers that take longer than headers may are no reason to close."""
    async with wire(url) as line:
        await line.send(b"POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n" + KEY)
        body = json.dumps(submission()).encode()
        await line.send(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        await asyncio.sleep(0.2)
        await line.send(GET.replace(b"/v1/jobs", b"/v1/jobs?limit=1") + b"\r\n")
        await asyncio.sleep(0.5)
        await line.send(GET + CLOSE + b"\r\n")
        assert statuses(await line.until_closed()) == [202, 200, 200]


@pytest.mark.parametrize(
    "parts",
    [
        (b"GET /" + b"a" * 4096, *[b"a" * 65_536] * 6),
        (GET, *[b"X-%d: y\r\n" % n * 5000 for n in range(9)]),
        (GET + b"X: ", *[b"y" * 65_536] * 6),
        (b"\r\n" * 32_768,) * 6,
        (POST + CHUNKED + b"\r\n0\r\nX: ", *[b"y" * 65_536] * 6),
        (POST + CHUNKED + b"\r\n0;" + b"x" * 4096, *[b"x" * 65_536] * 6),
    ],
    ids=["address", "headers", "header", "empty lines", "trailer", "extension"],
)
async def test_what_belongs_to_no_body_has_a_bound(patient_url: str, parts: tuple[bytes, ...]) -> None:
    """uvicorn would hold all of it."""
    assert sum(map(len, parts)) > 5 * MAX_IDLE_BYTES
    started = time.monotonic()
    answers = statuses(await told(patient_url, *parts))
    assert answers in ([431], [400], [])  # not [] but where the end was lost with the rest that was still to be read
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET / HTTP/1.1\r\n folded: x\r\n\r\n",
        b"GET /\x00 HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: a\x00b\r\n\r\n",
        b"GET  / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
        POST + b"Content-Length: +2\r\n\r\n{}",
        POST + b"Content-Length: 99999999999999999999999\r\n\r\n{}",
        POST + b"Content-Length: 2\r\n" + CHUNKED + b"\r\n2\r\n{}\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        POST + CHUNKED + b"\r\n-1\r\n",
        POST + CHUNKED + b"\r\nffffffffffffffffff\r\n",
        POST + CHUNKED + b"\r\n2\r\n{}XX0\r\n\r\n",
    ],
)  # fmt: skip
async def test_what_can_be_read_in_two_ways_is_not_read(url: str, head: bytes) -> None:
    """400 as a problem, and nothing behind it is taken for a request."""
    answer = await told(url, head + GET + b"\r\n")
    assert statuses(answer) == [400]
    assert b'"type": "/docs#bad-request"' in answer
    assert b"x-request-id: " in answer.lower()


async def test_a_trailer_is_no_header(url: str) -> None:
    """Nobody has looked at it: a proxy lets it pass that takes a key away, or adds one."""
    key_behind = b"GET /v1/jobs HTTP/1.1\r\nHost: x\r\n" + CLOSE + CHUNKED + b"\r\n0\r\n" + KEY + b"\r\n"
    assert statuses(await told(url, key_behind)) == [401]
    delivery = signed({"event": "progress", "jobId": upstream_id()})
    body, signature = delivery["content"], delivery["headers"]["X-Webhook-Signature"].encode()
    head = b"POST /webhooks/apiframe HTTP/1.1\r\nHost: x\r\n" + CLOSE + CHUNKED + b"\r\n"
    end = b"%x\r\n%b\r\n0\r\nX-Webhook-Signature: %b\r\n\r\n" % (len(body), body, signature)
    assert statuses(await told(url, head + end)) == [401]


async def test_broken_requests_do_not_flood_the_log(url: str, caplog: pytest.LogCaptureFixture) -> None:
    """uvicorn has a line for each."""
    with caplog.at_level(logging.WARNING):
        for _ in range(LINES + 20):
            await told(url, b"?\r\n\r\n")
    assert 10 < sum(record.name == "uvicorn.error" for record in caplog.records) <= LINES + 3


async def test_what_breaks_off_behind_good_requests_leaves_no_traceback(redis_url: str, tmp_path: Path) -> None:
    """The answers under way were written to a connection that was closed; uvicorn knew of the last of them alone."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    async with (
        asyncio.timeout(30),
        started(["cli", "serve", "--port", str(port)], environment(redis_url), tmp_path / "log") as process,
    ):
        await until_ready(url, process)
        for _ in range(20):
            assert await told(url, (GET + b"\r\n") * 3 + b"?\r\n\r\n")
            async with wire(url) as line:
                await line.send((GET + b"\r\n") * 3)
        assert (await told(url, GET + CLOSE + b"\r\n")).startswith(b"HTTP/1.1 200 ")
        assert await process.stop() == 0
    assert [line for line in log_lines(process) if line["level"] in ("error", "critical")] == []

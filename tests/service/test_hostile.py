"""Requests that mean harm: each is refused clearly, and none is read in two ways."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from redis.asyncio import Redis

from service import lifespan
from service.app import create_app
from service.jobs import MAX_BODY
from service.requests import ONCE
from service.room import SMALL
from tests.door import assert_problem, door, key, settings_for, signed, submission
from tests.samples import upstream_id
from tests.serving import serving

BOUNDARY = "multipart/form-data; boundary=B"
PARENT = "c3d4e5f6-a7b8-4012-8def-345678901234"


def form(**fields: str) -> bytes:
    parts = [
        f'--B\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()
    ]
    return "".join([*parts, "--B--\r\n"]).encode()


@pytest.mark.parametrize(
    "path", ["/v1/jobs", "/v1/jobs/track", "/v1/jobs/actions", "/v1/queue/pause", "/v1/queue/resume"]
)
async def test_a_field_that_is_there_twice_is_named(api: httpx.AsyncClient, path: str) -> None:
    """Wherever callers send JSON."""
    for owner in ("editor", "ops"):
        headers = {**key(owner), "Content-Type": "application/json"}
        answer = await api.post(path, content=b'{"reason": "a", "reason": "b"}', headers=headers)
        if answer.status_code != 403:
            assert assert_problem(answer, 422, field="reason")["errors"] == {"reason": ["Given more than once."]}


async def test_a_label_that_is_there_twice_is_named_in_a_form_too(api: httpx.AsyncClient) -> None:
    """As JSON in a field."""
    body = form(parentJobId=PARENT, mask=submission()["mask"], labels='{"x": "1", "x": "2"}')
    answer = await api.post("/v1/jobs", content=body, headers={**key("editor"), "Content-Type": BOUNDARY})
    assert "x: Given more than once." in assert_problem(answer, 422, field="labels")["detail"]


async def test_a_delivery_with_a_field_twice_is_taken(api: httpx.AsyncClient) -> None:
    """It is signed: what upstream meant is for upstream to know, and the last one is what its own reader would take."""
    body = b'{"event": "progress", "jobId": "%b", "progress": 5, "progress": 45}' % upstream_id().encode()
    answer = await api.post("/webhooks/apiframe", **signed(body))
    assert answer.json()["outcome"] == "adopted"
    assert (await api.get(f"/v1/jobs/{answer.json()['jobId']}", headers=key("ops"))).json()["progress"] == 45


@pytest.mark.parametrize("charset", ["unicode_escape", "utf-7", "latin-1", "rot13", "nonsense"])
async def test_a_form_in_another_encoding_is_refused(api: httpx.AsyncClient, charset: str) -> None:
    """Some of Python's make halves of characters, which were answered 500."""
    body = form(parentJobId=PARENT, mask=submission()["mask"], prompt=r"\ud800+2AA-", labels=r'{"a": "\ud800"}')
    headers = {**key("editor"), "Content-Type": f"{BOUNDARY}; charset={charset}"}
    assert_problem(await api.post("/v1/jobs", content=body, headers=headers), 415)
    headers["Content-Type"] = f"{BOUNDARY}; charset=UTF-8"
    assert_problem(await api.post("/v1/jobs", content=body, headers=headers), 422, field="labels")


@pytest.mark.parametrize("name", ONCE)
async def test_a_header_that_is_there_twice_is_refused(api: httpx.AsyncClient, name: str) -> None:
    """A proxy may go by the first of them, and we by the last."""
    headers = [(name, "1"), (name.upper(), "2"), *key("editor").items()]
    assert name in assert_problem(await api.get("/v1/jobs", headers=headers), 400)["detail"]


async def test_headers_that_are_lists_may_be_there_twice(api: httpx.AsyncClient) -> None:
    """They mean what one with a comma means."""
    job = (await api.post("/v1/jobs", json=submission(), headers=key("editor"))).json()
    etag = (await api.get(f"/v1/jobs/{job['id']}", headers=key("editor"))).headers["etag"]
    twice = [("Accept", "text/html"), ("Accept", "application/json"), ("If-None-Match", '"x"'), ("If-None-Match", etag)]
    assert (await api.get(f"/v1/jobs/{job['id']}", headers=[*twice, *key("editor").items()])).status_code == 304


@pytest.mark.parametrize("length", ["x", "-1", "+5", "1_0", "²", "٣", "9" * 5000, "1e3"])
async def test_a_length_that_is_none_is_refused(api: httpx.AsyncClient, length: str) -> None:
    """Also one that has more digits than Python would read."""
    headers = {**key("editor"), "Content-Type": "application/json"}
    sent = [*headers.items(), ("Content-Length", length.encode("utf-8"))]
    answer = await api.post("/v1/jobs", content=b"{}", headers=sent)  # type: ignore[arg-type]
    assert_problem(answer, 413 if length.startswith("9") else 400)


async def test_a_long_address_is_refused_as_long_headers_are(api: httpx.AsyncClient) -> None:
    """431."""
    assert_problem(await api.get(f"/v1/jobs?owner={'x' * 17_000}", headers=key("editor")), 431)


@pytest.mark.parametrize(
    "path",
    ["/v1/jobs/../../healthz", "/v1/jobs/%2e%2e/%2e%2e/healthz", "/v1//jobs", "//v1/jobs", "/v1/jobs/%00", "/v1/jobs/%",
     "/v1/jobs;x=1", "/v1/jobs/..;/", "/v1/jobs%2f", "/V1/JOBS", "/v1/jobs/%ff%fe", "/v1/jobs/%ed%a0%80/events",
     "/webhooks/apiframe/../../v1/jobs", "/v1/jobs/{00000000-0000-7000-8000-000000000000}"],
)  # fmt: skip
async def test_a_tricky_path_leads_nowhere(redis: Redis, redis_url: str, path: str) -> None:
    """Sent as it is, over a socket: a path is what it says."""
    async with serving(create_app(settings_for(redis_url))) as url:
        answer = await spoken(url, f"GET {path} HTTP/1.1\r\nHost: x\r\nX-API-Key: {key('ops')['X-API-Key']}")
    assert answer.startswith(b"HTTP/1.1 404 ")


async def spoken(url: str, head: str, body: bytes = b"") -> bytes:
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"{head}\r\nConnection: close\r\n\r\n".encode("latin-1") + body)
    try:
        return await reader.read()
    finally:
        writer.close()


class Slow:
    """A body that begins and then does not come."""

    def __init__(self) -> None:
        self.begun, self.more = asyncio.Event(), asyncio.Event()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b'{"mask": "'
        self.begun.set()
        await self.more.wait()


@pytest.mark.parametrize("path", ["/v1/jobs", "/v1/jobs/track", "/webhooks/apiframe"])
async def test_a_body_that_does_not_come_is_given_up(redis: Redis, redis_url: str, path: str) -> None:
    """408, and the connection is closed: what comes after is no request."""
    async with serving(create_app(settings_for(redis_url, request_timeout_seconds=0.2))) as url:
        host = url.removeprefix("http://")
        head = f"POST {path} HTTP/1.1\r\nHost: {host}\r\nX-API-Key: {key('editor')['X-API-Key']}\r\n"
        head += "Content-Type: application/json\r\nContent-Length: 1000"
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection(*host.split(":"))
            writer.write(f"{head}\r\n\r\n{{".encode())
            answer = await reader.read()
            writer.close()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"\r\nconnection: close\r\n" in answer
    assert b'"type": "/docs#too-slow"' in answer


async def test_a_body_that_keeps_coming_has_time(redis: Redis, redis_url: str) -> None:
    """The longer, the more of it is there: 256 KiB a second are enough."""
    async with door(settings_for(redis_url, request_timeout_seconds=0.3)) as api:

        async def steady() -> AsyncIterator[bytes]:
            yield b'{"mask": "' + b"A" * 1_048_576
            for _ in range(5):
                await asyncio.sleep(0.1)
                yield b"A"
            yield b'"}'

        headers = {**key("editor"), "Content-Type": "application/json"}
        assert_problem(await api.post("/v1/jobs", content=steady(), headers=headers), 422, field="parentJobId")


async def test_large_bodies_share_the_room_and_small_ones_are_always_taken(
    redis: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """503 before a byte of it is sent; all room is free again when the first is over, however it ended."""
    monkeypatch.setattr(lifespan, "ROOM", 100_000)
    async with serving(create_app(settings_for(redis_url))) as url, httpx.AsyncClient(base_url=url, timeout=30) as api:
        headers = {**key("editor"), "Content-Type": "application/json"}
        large, slow = b"{" + b" " * (100_000 + SMALL - 2) + b"}", Slow()
        held = {**headers, "Content-Length": str(len(large))}
        first = asyncio.create_task(api.post("/v1/jobs", content=slow, headers=held))
        await slow.begun.wait()
        assert (await api.get("/healthz")).status_code == 200
        answer = await api.post("/v1/jobs", content=large, headers=headers)
        assert_problem(answer, 503)
        assert int(answer.headers["retry-after"]) >= 1
        assert (await api.post("/v1/jobs", json=submission(), headers=headers)).status_code == 202
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        while (answer := await api.post("/v1/jobs", content=large, headers=headers)).status_code == 503:
            await asyncio.sleep(0.01)
        assert_problem(answer, 422, field="mask")


async def test_a_body_above_the_limit_is_refused_without_a_length_too(api: httpx.AsyncClient) -> None:
    """As soon as it is known."""

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(MAX_BODY // 65_536 + 2):
            yield b" " * 65_536

    headers = {**key("editor"), "Content-Type": "application/json"}
    assert_problem(await api.post("/v1/jobs", content=endless(), headers=headers), 413)

"""L1, the yardstick for webhooks: bare ASGI that reads a body, checks its HMAC, answers 204 and stores nothing.

It answers every GET with what BENCH_SAME says: the yardstick for reading. uvicorn bench.l1:app
"""

import hashlib
import hmac
import os
from collections.abc import Awaitable, Callable
from typing import Any

from tests.door import UPSTREAM_KEY

OPTIONS = ("--log-level", "warning", "--no-access-log", "--loop", "uvloop", "--http", "httptools")
COMMAND = ("uvicorn", "bench.l1:app", *OPTIONS)
Send = Callable[[Any], Awaitable[None]]
KEYED = hmac.new(hashlib.sha256(UPSTREAM_KEY.encode()).hexdigest().encode(), digestmod=hashlib.sha256)
SAME = os.environ.get("BENCH_SAME", "ok").encode()
TAKEN: Any = {"type": "http.response.start", "status": 204, "headers": []}
REFUSED: Any = {"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"0")]}
FOUND: Any = {
    "type": "http.response.start", "status": 200,
    "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(SAME)).encode())],
}  # fmt: skip


async def app(scope: Any, receive: Any, send: Send) -> None:
    if scope["type"] == "lifespan":
        return await _lifespan(receive, send)
    if scope["method"] == "GET":
        await send(FOUND)
        return await send({"type": "http.response.body", "body": SAME})
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    await send(TAKEN if _genuine(scope["headers"], body) else REFUSED)
    return await send({"type": "http.response.body", "body": b""})


def _genuine(headers: list[tuple[bytes, bytes]], body: bytes) -> bool:
    given = next((value for name, value in headers if name == b"x-webhook-signature"), b"")
    mac = KEYED.copy()
    mac.update(body)
    return hmac.compare_digest(b"sha256=" + mac.hexdigest().encode(), given)


async def _lifespan(receive: Any, send: Send) -> None:
    for _ in range(2):
        message = await receive()
        await send({"type": message["type"] + ".complete"})

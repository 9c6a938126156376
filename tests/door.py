"""The service's front door, for tests: an HTTP client over ASGI with the lifespan running, keys, masks, signatures."""

import base64
import hashlib
import hmac
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from PIL import Image, ImageDraw
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from service.app import create_app
from tracker.settings import ApiKey, Settings, load

UPSTREAM_KEY = "afk_test_0123456789abcdef0123456789abcdef"
KEYS = {
    "editor": ("key-of-editor", ["submit", "read"]),
    "shop": ("key-of-shop", ["submit", "read"]),
    "reader": ("key-of-reader", ["read"]),
    "auditor": ("key-of-auditor", ["read:all"]),
    "ops": ("key-of-ops", ["ops"]),
}


def settings_for(redis_url: str, **overrides: Any) -> Settings:
    entries = [
        ApiKey(name=name, sha256=hashlib.sha256(key.encode()).hexdigest(), scopes=frozenset(scopes))
        for name, (key, scopes) in KEYS.items()
    ]
    given = {"redis_url": redis_url, "apiframe_api_key": UPSTREAM_KEY, "api_keys": entries, **overrides}
    return load(**given)


@asynccontextmanager
async def door(settings: Settings, app: Starlette | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """An open service. httpx's transport knows no lifespan state, so it is put into each request here."""
    app = app or create_app(settings)
    async with app.router.lifespan_context(app) as state:

        async def with_state(scope: Scope, receive: Receive, send: Send) -> None:
            await app({**scope, "state": dict(state or {})}, receive, send)

        transport = httpx.ASGITransport(with_state)
        async with httpx.AsyncClient(transport=transport, base_url="http://tracker.test") as client:
            yield client


def key(name: str) -> dict[str, str]:
    return {"X-API-Key": KEYS[name][0]}


def mask_png(size: int = 64) -> bytes:
    image = Image.new("L", (size, size), 0)
    ImageDraw.Draw(image).ellipse((size // 4, size // 4, size // 2, size // 2), fill=255)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def submission(**fields: Any) -> dict[str, Any]:
    mask = base64.b64encode(mask_png()).decode()
    return {"parentJobId": "c3d4e5f6-a7b8-4012-8def-345678901234", "mask": mask, **fields}


def signed(document: Any, api_key: str = UPSTREAM_KEY, *, raw: bool = False) -> dict[str, Any]:
    """`content` and `headers` of a delivery as Apiframe signs it; computed here, not by our own code."""
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    digest = hashlib.sha256(api_key.encode())
    secret = digest.digest() if raw else digest.hexdigest().encode()
    signature = "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()
    return {"content": body, "headers": {"X-Webhook-Signature": signature, "Content-Type": "application/json"}}


def assert_problem(response: httpx.Response, status: int, *, field: str | None = None) -> dict[str, Any]:
    """Every error is a problem of RFC 9457, with the request's id; returns it."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert {"type", "title", "status", "detail", "requestId"} <= set(problem)
    assert problem["status"] == status
    assert problem["requestId"] == response.headers["x-request-id"]
    if field is not None:
        assert field in problem["errors"], problem
    return problem

"""Around every request: an id, one log line, a count, and a problem in place of any crash."""

import re
import time
import uuid
from collections.abc import AsyncGenerator
from typing import Any, cast

import structlog
from pydantic_core import from_json
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.problems import problem
from service.state import State
from tracker.errors import BadRequest, HeadersTooLarge, TooLarge, TrackerError, UnsupportedMediaType

_SANE_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
# Possessive, and content with the end of the body for a closing quote: else an unclosed string takes quadratic time.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
MAX_HEADERS = 16 * 1024
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
CLIENT_GONE = 499
"""nginx's word for a client that went away before its request was whole; for the log alone."""
PROBES = ("/healthz", "/readyz", "/metrics")
"""Asked every few seconds by machines."""
log = structlog.get_logger()


class RequestContext:
    """Plain ASGI: nothing of a body is touched or copied."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(Headers(scope=scope).get("x-request-id", ""))
        scope.setdefault("state", {})["request_id"] = request_id
        answer = _Answer(send, request_id)
        started = time.perf_counter()
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                if _headers_size(scope) > MAX_HEADERS:
                    error = HeadersTooLarge(f"All headers together may have {MAX_HEADERS:,} bytes.")
                    await problem(error, request_id)(scope, receive, answer)
                else:
                    await self.app(scope, receive, answer)
            except ClientDisconnect:
                answer.status = CLIENT_GONE
            except Exception:
                log.exception("request failed", method=scope["method"], path=scope["path"])
                if not answer.status:
                    await problem(TrackerError("The service failed; its log has more."), request_id)(
                        scope, receive, answer
                    )
            _account(scope, answer.status, time.perf_counter() - started)


class _Answer:
    """Passes an answer on, notes its status and adds its request id."""

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._request_id = request_id
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            MutableHeaders(scope=message)["X-Request-ID"] = self._request_id
        await self._send(message)


def _headers_size(scope: Scope) -> int:
    return sum(len(name) + len(value) for name, value in scope["headers"])


def accepts_json(request: Request) -> bool:
    """Whether `Accept`, where it is sent, allows any JSON."""
    allowed = [part.partition(";")[0].strip().lower() for part in request.headers.get("accept", "*/*").split(",")]
    return any(part in ("*/*", "application/*") or "json" in part for part in allowed)


def _request_id(given: str) -> str:
    return given if _SANE_ID.fullmatch(given) else uuid.uuid4().hex


def _account(scope: Scope, status: int, seconds: float) -> None:
    route = getattr(scope.get("route"), "path", "none")
    state = cast(State, scope["state"]["tracker"])
    method = scope["method"] if scope["method"] in METHODS else "other"
    state.metrics.requests.labels(method, route, status).inc()
    caller = scope["state"].get("caller")
    say = log.debug if scope["path"] in PROBES else log.info
    say(
        "request",
        method=scope["method"],
        path=scope["path"],
        status=status,
        ms=round(seconds * 1000, 1),
        **({"caller": caller} if caller else {}),
    )


async def read_body(request: Request, limit: int) -> bytes:
    """The raw body, never more than `limit` bytes of it in memory. Raises TooLarge."""
    body = bytearray()
    async for chunk in bounded(request, limit):
        body += chunk
    return bytes(body)


async def bounded(request: Request, limit: int) -> AsyncGenerator[bytes, None]:
    """The body's chunks. Raises TooLarge before the first where the length is declared, else as soon as it is known."""
    declared, seen = request.headers.get("content-length", "0"), 0
    if not declared.isdecimal():
        raise BadRequest("Content-Length is not a number.")
    if int(declared) > limit:
        raise TooLarge(f"The body has {int(declared):,} bytes; at most {limit:,} are taken here.", int(declared))
    async for chunk in request.stream():
        seen += len(chunk)
        if seen > limit:
            raise TooLarge(f"The body has more than {limit:,} bytes, which is all that is taken here.")
        yield chunk


async def read_json(request: Request, limit: int) -> dict[str, Any]:
    """A JSON object. Raises UnsupportedMediaType, TooLarge or BadRequest."""
    if media_type(request) != "application/json":
        raise UnsupportedMediaType("Send application/json.")
    return json_object(await read_body(request, limit))


def media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def json_object(body: bytes) -> dict[str, Any]:
    """Raises BadRequest, which says where. Line breaks and tabs are taken where JSON wants them escaped."""
    try:
        try:
            document = from_json(body, allow_inf_nan=False)
        except ValueError:
            document = from_json(_STRING.sub(_escaped, body), allow_inf_nan=False)
    except ValueError as error:
        raise BadRequest(f"The body is not JSON: {error}.") from None
    if not isinstance(document, dict):
        raise BadRequest("The body is JSON, but not an object.")
    return document


def _escaped(string: re.Match[bytes]) -> bytes:
    """GNU base64 wraps its lines, and a shell puts them into a JSON string as they are (dossier section 13, 23)."""
    return string[0].replace(b"\n", b"\\n").replace(b"\r", b"\\r").replace(b"\t", b"\\t")

"""Around every request: an id, one log line, a count, and a problem in place of any crash."""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import ExitStack
from typing import Any, cast

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.documents import json_object
from service.problems import problem
from service.room import Room
from service.state import State, state_of
from tracker.errors import (
    BadRequest,
    HeadersTooLarge,
    TooLarge,
    TooSlow,
    TrackerError,
    Unavailable,
    UnsupportedMediaType,
)
from tracker.ids import token
from tracker.logs import of_request
from tracker.trail import SANE_ID

MAX_HEADERS = 16 * 1024
SLOWEST = 256 * 1024
"""Bytes of a body that have a second to come, once `REQUEST_TIMEOUT_SECONDS` are over."""
ONCE = (
    "authorization", "content-length", "content-type", "host", "idempotency-key", "x-api-key", "x-webhook-signature",
)  # fmt: skip
"""Headers of which a proxy may read the first and we the last, or the other way round: none may be there twice."""
LARGE, BREATH = 64 * 1024, 0.002
"""Bytes in a piece of a body, which take the loop half a millisecond, and seconds for others before the next."""
MAX_DIGITS = 18
"""Of a length; what has more is as much too large with as many."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
CRASHED = "The service failed; its log has more."
STOPPING = "The service is being stopped; send this again."
CLIENT_GONE = 499
"""nginx's word for a client that went away before its request was whole; for the log alone."""
PROBES = ("/healthz", "/readyz", "/metrics")
"""Asked every few seconds by machines."""
TOLD_ELSEWHERE = (401, 429)
"""In a line that says more, and is not written again and again; see `service.failures`."""
log = structlog.get_logger()


class RequestContext:
    """Plain ASGI: nothing of a body is touched or copied."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        request_id = request_id_of(headers.get("x-request-id", ""))
        scope.setdefault("state", {})["request_id"] = request_id
        scope["state"]["send"] = send  # for whoever sends so often that each layer counts
        answer = _Answer(send, request_id)
        started = time.perf_counter()
        with of_request(request_id), ExitStack() as until_answered:
            scope["state"]["until_answered"] = until_answered
            try:
                if error := _refusal(scope, headers):
                    await problem(error, request_id)(scope, receive, answer)
                else:
                    await self.app(scope, receive, answer)
            except ClientDisconnect:
                answer.status = CLIENT_GONE
            except asyncio.CancelledError:  # the service stops, and has waited for this as long as it could
                if not answer.status:
                    await problem(Unavailable(STOPPING), request_id)(scope, receive, answer)
            except Exception:
                log.exception("request failed", method=scope["method"], path=scope["path"])
                if not answer.status:
                    await problem(TrackerError(CRASHED), request_id)(scope, receive, answer)
            route = getattr(scope.get("route"), "path", "none")
            state, seconds = cast(State, scope["state"]["tracker"]), time.perf_counter() - started
            caller = scope["state"].get("caller")
            told = {"caller": caller} if caller else {}
            account(state, scope["method"], scope["path"], route, answer.status, seconds, told)


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


def _refusal(scope: Scope, headers: Headers) -> TrackerError | None:
    """What is wrong with any request, whatever its address."""
    if head_size(scope) > MAX_HEADERS:
        return HeadersTooLarge(f"The address and all headers together may have {MAX_HEADERS:,} bytes.")
    if twice := [name for name in ONCE if len(headers.getlist(name)) > 1]:
        return BadRequest(f"There more than once: {', '.join(twice)}. Which of them is meant is not guessed.")
    return None


def head_size(scope: Scope) -> int:
    address = len(scope.get("raw_path") or scope["path"]) + len(scope["query_string"])
    return address + sum(len(name) + len(value) for name, value in scope["headers"])


def accepts(request: Request, media: str) -> bool:
    """Whether `Accept`, where it is sent, allows `media`: itself, any of its kind, or JSON by another of its names."""
    accepted = ",".join(request.headers.getlist("accept")) or "*/*"
    kind, _, name = media.partition("/")
    return any(_suits(part.partition(";")[0].strip().lower(), kind, name) for part in accepted.split(","))


def _suits(part: str, kind: str, name: str) -> bool:
    if part in ("*/*", f"{kind}/*"):
        return True
    return part.startswith(f"{kind}/") if name == "*" else name in part


def request_id_of(given: str) -> str:
    return given if given and SANE_ID.fullmatch(given) else token()


def account(
    state: State, method: str, path: str, route: str, status: int, seconds: float, told: Mapping[str, str]
) -> None:
    """A count and a line of the log for a request that was answered; `told` is in the line, too."""
    state.metrics.requests.inc(method if method in METHODS else "other", route, status)
    say = log.debug if path in PROBES or status in TOLD_ELSEWHERE else log.info
    say("request", method=method, path=path, status=status, ms=round(seconds * 1000, 1), **told)


async def read_body(request: Request, limit: int, room: Room | None = None) -> bytes:
    """The raw body, never more than `limit` bytes of it in memory. Raises as `bounded` does."""
    return b"".join(await read_chunks(request, limit, room))


async def read_chunks(request: Request, limit: int, room: Room | None = None) -> list[bytes]:
    """The same as it came."""
    return [chunk async for chunk in bounded(request, limit, room)]


async def bounded(request: Request, limit: int, room: Room | None = None) -> AsyncGenerator[bytes, None]:
    """The body's chunks. Raises TooLarge or Busy before the first where the length is declared, else as soon as it is
    known, and TooSlow.

    The body takes its share of `room`, the callers' unless another is given, until the request is answered.
    """
    share = (room or state_of(request).room).share()
    request.state.until_answered.callback(share.give_back)
    share.grow(_declared(request, limit))
    seen = 0
    async for chunk in _in_time(request):
        seen += len(chunk)
        if seen > limit:
            raise TooLarge(f"The body has more than {limit:,} bytes, which is all that is taken here.")
        share.grow(seen)
        yield chunk
        if len(chunk) >= LARGE:
            await asyncio.sleep(BREATH)


def _declared(request: Request, limit: int) -> int:
    """Bytes, 0 where nothing is declared. Raises BadRequest or TooLarge."""
    declared = request.headers.get("content-length", "0")
    if not (declared.isascii() and declared.isdecimal()):
        raise BadRequest("Content-Length is not a number.")
    size = int(declared[:MAX_DIGITS])
    if size > limit:
        raise TooLarge(f"The body has {size:,} bytes; at most {limit:,} are taken here.", size)
    return size


async def _in_time(request: Request) -> AsyncGenerator[bytes, None]:
    """Raises TooSlow."""
    chunks, seen = request.stream(), 0
    started, patience = asyncio.get_running_loop().time(), state_of(request).settings.request_timeout_seconds
    while True:
        seconds = patience + seen / SLOWEST
        try:
            async with asyncio.timeout_at(started + seconds):
                chunk = await anext(chunks, None)
        except TimeoutError:
            raise TooSlow(f"The body did not come in time: {seen:,} bytes in {seconds:.0f} s.") from None
        if chunk is None:
            return
        seen += len(chunk)
        yield chunk


async def read_json(request: Request, limit: int) -> dict[str, Any]:
    """A JSON object. Raises UnsupportedMediaType, and what `read_body` and `json_object` raise."""
    require_json(request)
    return json_object(await read_body(request, limit))


def require_json(request: Request) -> None:
    """Raises UnsupportedMediaType."""
    if media_type(request) != "application/json":
        raise UnsupportedMediaType("Send application/json.")


def media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()

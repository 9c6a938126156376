"""The short way of an ordinary delivery: small, whole, genuine. It is most of what comes, and each layer counts.

Whatever is not ordinary takes the way of every request, with what was read of it given back. Both ways end in
`webhooks.settle`.
"""

import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, cast

import structlog
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from service.problems import problem
from service.recorder import Sighting
from service.requests import CRASHED, MAX_HEADERS, ONCE, account, head_size, request_id_of
from service.room import SMALL
from service.state import State
from service.webhooks import settle
from tracker.errors import SignatureRefused, StoreUnavailable, TrackerError
from tracker.ids import as_uuid

PATH = "/webhooks/apiframe"
WITH_JOB = f"{PATH}/{{job_id}}"
log = structlog.get_logger()
_ONCE = frozenset(name.encode() for name in ONCE)
_ODD = frozenset({b"transfer-encoding", b"expect", b"content-encoding"})


class FrontDoor(Starlette):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        rest: Receive | None = receive
        if scope["type"] == "http" and scope["method"] == "POST" and scope["path"].startswith(PATH):
            rest = await _answered(scope, receive, send)
        if rest is not None:
            await super().__call__(scope, rest, send)


@dataclass(frozen=True)
class _Head:
    """What is asked of an ordinary delivery's head. `address`: the job that it names; `route`: for counting."""

    route: str
    address: str | None
    signature: str
    request_id: str


async def _answered(scope: Scope, receive: Receive, send: Send) -> Receive | None:
    """None once it is answered, else where the rest of the request comes from."""
    head, started = _head(scope), time.perf_counter()
    if head is None:
        return receive
    message = _at_hand(receive)
    if message is None:
        return receive
    if message["type"] != "http.request" or message.get("more_body"):
        return _again(message, receive)
    with structlog.contextvars.bound_contextvars(request_id=head.request_id):
        status = await _take(scope, head, message["body"], send)
        if status:
            account(scope, head.route, status, time.perf_counter() - started)
    return None if status else _again(message, receive)


async def _take(scope: Scope, head: _Head, body: bytes, send: Send) -> int:
    """The status of the answer, 0 where it is for the long way to refuse."""
    state = cast(State, scope["state"]["tracker"])
    try:
        delivery = state.verifier.verify(body, head.signature)
    except SignatureRefused:
        return 0
    try:
        with state.recorder.watching(head.address) as seen:
            await settle(state, seen, delivery)
    except StoreUnavailable as error:
        return await _refuse(send, problem(error, head.request_id), head.request_id)
    except Exception:
        log.exception("request failed", method=scope["method"], path=scope["path"])
        return await _refuse(send, problem(TrackerError(CRASHED), head.request_id), head.request_id)
    await _acknowledge(send, seen, head.request_id)
    return 200


async def _refuse(send: Send, refusal: Response, request_id: str) -> int:
    refusal.headers["X-Request-ID"] = request_id
    await _send(send, refusal.status_code, refusal.raw_headers, bytes(refusal.body))
    return refusal.status_code


async def _acknowledge(send: Send, seen: Sighting, request_id: str) -> None:
    job_id = f'"{seen.job_id}"' if seen.job_id else "null"
    body = f'{{"jobId":{job_id},"outcome":"{seen.outcome}"}}'.encode()
    headers = [
        (b"content-length", b"%d" % len(body)),
        (b"content-type", b"application/json"),
        (b"x-request-id", request_id.encode()),
    ]
    await _send(send, 200, headers, body)


async def _send(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _head(scope: Scope) -> _Head | None:
    """None for one that is not ordinary."""
    path: str = scope["path"]
    named = path[len(PATH) + 1 :]
    if path != PATH and (path[len(PATH)] != "/" or not named or "/" in named):
        return None
    found: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        if name in _ODD or (name in found and name in _ONCE):
            return None
        found.setdefault(name, value)
    length, signature = found.get(b"content-length", b""), found.get(b"x-webhook-signature")
    if signature is None or not (length.isdigit() and len(length) < 7 and int(length) <= SMALL):
        return None
    if head_size(scope) > MAX_HEADERS:
        return None
    request_id = request_id_of(found.get(b"x-request-id", b"").decode("latin-1"))
    return _Head(WITH_JOB if named else PATH, as_uuid(named), signature.decode("latin-1"), request_id)


def _at_hand(receive: Receive) -> Message | None:
    """What can be had without waiting, as the body of a small request is: a time-out for it would cost as much as to
    verify it. None where one would have to wait: the call is given up, as a time-out would, and nothing is lost."""
    receiving = cast(Coroutine[Any, None, Message], receive())
    try:
        receiving.send(None)
    except StopIteration as done:
        return cast(Message, done.value)
    receiving.close()
    return None


def _again(message: Message, receive: Receive) -> Receive:
    """Gives back what was read, and goes on from there."""
    read: list[Message] = [message]

    async def rest() -> Message:
        return read.pop() if read else await receive()

    return rest

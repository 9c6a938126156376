"""Middleware: gives every answer its `x-request-id` and writes every request to the journal.

Status 0, in the transcript `cut`, is a request without an answer.
"""

import uuid
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.journal import Journal


class Recorder:
    """Handlers leave `scope["note"]`, the job and a word about it, for the line of their request."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id, status = f"req_{uuid.uuid4().hex[:16]}", 0

        async def send_recorded(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["x-request-id"] = request_id
                _record(scope, request_id, status)
            await send(message)

        try:
            await self.app(scope, receive, send_recorded)
        finally:
            if not status:
                _record(scope, request_id, status)


def _record(scope: Scope, request_id: str, status: int) -> None:
    path: str = scope["path"]
    if path.startswith("/sandbox/"):
        return
    journal: Journal = scope["state"]["world"].journal
    note: dict[str, Any] = scope.get("note", {})
    journal.write(
        _line(scope["method"], path, status, note),
        kind="request",
        method=scope["method"],
        path=path,
        status=status,
        jobId=note["job"].id if note else None,
        requestId=request_id,
        idempotencyKey=Headers(scope=scope).get("idempotency-key"),
        userAgent=Headers(scope=scope).get("user-agent"),
    )


def _line(method: str, path: str, status: int, note: dict[str, Any]) -> str:
    line = f"{method} {path} → {status or 'cut'}"
    if not note:
        return line
    job, tag = note["job"], f"#{note['job'].number}"
    line = line.replace(job.id, tag)
    return " ".join(filter(None, [line, "" if job.id in path else tag, note["text"]]))

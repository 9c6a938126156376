"""How server-sent events leave: plain ASGI, since with a thousand listeners each layer counts (docs/decisions.md)."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, suppress

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from service.live.line import Line
from service.live.listener import Listener
from tracker.errors import StoreUnavailable

MEDIA = "text/event-stream"
_HEADERS = {
    "Cache-Control": "private, no-store",
    "X-Accel-Buffering": "no",  # nginx would hold events back until there are many
}
Content = Callable[[Listener, Line], Awaitable[None]]


def comment(text: str) -> bytes:
    return f": {text}\n\n".encode()


def word(event: str, detail: str) -> bytes:
    """An event that is not about a job; without an id, so that whoever resumes does so from the last job's."""
    return f"event: {event}\ndata: {json.dumps({'detail': detail})}\n\n".encode()


class EventStream(Response):
    """What `content` writes for a listener, until that ends, the listener is told to, or the client goes.

    A Redis that goes away in the middle ends it, too: the client comes back with the last id. So does one whose
    `seconds` are over.
    """

    def __init__(
        self, listening: AbstractContextManager[Listener], content: Content, seconds: float | None = None
    ) -> None:
        super().__init__(headers=_HEADERS, media_type=MEDIA)
        del self.headers["content-length"]
        self._listening = listening
        self._content = content
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._listening as listener:
            gone = asyncio.create_task(_until_gone(receive, listener))
            over = asyncio.get_running_loop().call_later(self._seconds, listener.end) if self._seconds else None
            try:
                await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
                if scope["method"] != "HEAD":
                    with suppress(StoreUnavailable):
                        await self._content(listener, Line.of(scope))
                await send({"type": "http.response.body", "body": b""})
            finally:
                gone.cancel()
                if over:
                    over.cancel()


async def _until_gone(receive: Receive, listener: Listener) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    listener.end()

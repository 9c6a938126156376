"""uvicorn as we run it: quiet, quick, and ending held answers when it is asked to stop."""

import socket
from contextlib import suppress
from typing import Any

import uvicorn

STOP_SECONDS = 8
HEAD_SECONDS = 20.0


class Server(uvicorn.Server):
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """uvicorn waits for requests in hand; the long polls among them are answered now."""
        tracker = getattr(self.lifespan, "state", {}).get("tracker")
        if tracker is not None:
            tracker.feed.close()
        await super().shutdown(sockets)


def run(app: Any, listener: socket.socket, head_seconds: float = HEAD_SECONDS) -> None:
    """Until a signal ends it. `head_seconds`: for a request's headers to come."""
    config = uvicorn.Config(
        app, lifespan="on", ws="none", access_log=False, log_config=None, server_header=False,
        timeout_graceful_shutdown=STOP_SECONDS, timeout_keep_alive=65, http=protocol(head_seconds),
    )  # fmt: skip
    with suppress(KeyboardInterrupt):
        Server(config).run([listener])


def protocol(head_seconds: float = HEAD_SECONDS) -> Any:
    """Ours, or uvicorn's own where there is no httptools to build on (PyPy)."""
    try:
        from cli.connections import connection
    except ImportError:
        return "h11"
    return connection(head_seconds)

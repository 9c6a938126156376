"""uvicorn as we run it: quiet, quick, and ending held answers when it is asked to stop."""

import gc
import logging
import socket
from contextlib import suppress
from typing import Any

import structlog
import uvicorn

STOP_SECONDS = 6
"""For requests in hand when we are asked to stop; what has to be said and written after that takes two more."""
HEAD_SECONDS = 20.0
log = structlog.get_logger()


class Server(uvicorn.Server):
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """uvicorn waits for requests in hand; the long polls among them are answered now."""
        tracker = getattr(self.lifespan, "state", {}).get("tracker")
        if tracker is not None:
            tracker.feed.close()
        await super().shutdown(sockets)


class _Announced(Server):
    """Says where it listens once it does; uvicorn's own lines know no address here, since the socket is ours."""

    def __init__(self, config: uvicorn.Config, name: str) -> None:
        super().__init__(config)
        self._name = name

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        gc.freeze()  # what is there by now stays: it need not be looked through again and again
        gc.enable()
        for listener in sockets or ():
            host, port = listener.getsockname()[:2]
            log.info(f"{self._name} started", address=f"http://{f'[{host}]' if ':' in host else host}:{port}")

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await super().shutdown(sockets)
        log.info(f"{self._name} stopped")


def run(app: Any, listener: socket.socket, name: str, head_seconds: float = HEAD_SECONDS) -> None:
    """Until a signal ends it. `name` is what its log calls it; `head_seconds` a request's headers have to come."""
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    config = uvicorn.Config(
        app, lifespan="on", ws="none", access_log=False, log_config=None, server_header=False,
        timeout_graceful_shutdown=STOP_SECONDS, timeout_keep_alive=65, http=protocol(head_seconds),
    )  # fmt: skip
    with suppress(KeyboardInterrupt):
        _Announced(config, name).run([listener])


def protocol(head_seconds: float = HEAD_SECONDS) -> Any:
    """Ours, or uvicorn's own where there is no httptools to build on (PyPy)."""
    try:
        from cli.connections import connection
    except ImportError:
        return "h11"
    return connection(head_seconds)

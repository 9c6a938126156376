"""What a worker tells Prometheus: calls of upstream's API and the time that Redis takes, on a port of its own.

Each worker is a target, so that one that hangs is seen, and nothing is added up twice. The answer comes from a thread:
also from a worker whose loop is busy.
"""

import sys
from contextlib import AsyncExitStack
from typing import Any

import structlog
from prometheus_client import CollectorRegistry, start_http_server

from tracker.meters import Meters
from tracker.settings import Settings

log = structlog.get_logger()


def meters(stack: AsyncExitStack, settings: Settings) -> Meters:
    """Told at METRICS_PORT until the stack is closed. A worker whose port is taken works all the same, and says so."""
    registry = CollectorRegistry()
    if settings.metrics_port:
        _open(stack, settings, registry)
    return Meters(registry)


def _open(stack: AsyncExitStack, settings: Settings, registry: CollectorRegistry) -> None:
    try:
        server, thread = start_http_server(settings.metrics_port, settings.host, registry)
    except OSError as error:
        log.error("Prometheus is told nothing: METRICS_PORT is taken, or HOST is none of this machine's addresses",
                  host=settings.host, port=settings.metrics_port, error=error.strerror)  # fmt: skip
        return
    # Its own would print a traceback past the log, and the library takes no server of another class.
    server.handle_error = _broke_off  # type: ignore[method-assign]
    stack.callback(thread.join)
    stack.callback(server.server_close)
    stack.callback(server.shutdown)


def _broke_off(request: Any, client_address: Any) -> None:
    """Whoever looks only whether the port is open resets the connection."""
    log.info("a connection to METRICS_PORT broke off", address=client_address[0], error=repr(sys.exception()))

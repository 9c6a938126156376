"""For machines that watch us: alive, ready, and figures.

Parameters are ignored here, as nowhere else: a probe that its sender has decorated must not take the service down.
"""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from service.requests import STOPPING
from service.state import state_of
from tracker.errors import StoreUnavailable, Unavailable

T = TypeVar("T")


async def healthz(_: Request) -> Response:
    """Tell that the process is alive.

    Whatever it needs may be away: a restart would not mend that.
    """
    return JSONResponse({"status": "ok"})


async def readyz(request: Request) -> Response:
    """Tell whether requests can be served.

    They can when Redis answers and has the scripts, until the process is asked to stop.
    `instance` is the same for every process of one installation.
    """
    state = state_of(request)
    if state.feed.is_closed:  # at the first sign of the stop, while requests in hand are still answered
        raise Unavailable(STOPPING)
    instance = await state.store.ready()
    return JSONResponse({"status": "ready", "instance": instance})


async def metrics(request: Request) -> Response:
    """Give figures to Prometheus."""
    state = state_of(request)
    gauges, has_worker = await asyncio.gather(
        _or_none(state.store.gauges(state.clock())), _or_none(state.queue.has_worker())
    )
    return Response(state.metrics.render(gauges, has_worker), media_type=CONTENT_TYPE_LATEST)


async def _or_none(asked: Awaitable[T]) -> T | None:
    """None while Redis is away; the counters tell most just then."""
    try:
        return await asked
    except StoreUnavailable:
        return None

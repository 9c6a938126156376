"""For machines that watch us: alive, ready, and figures.

Parameters are ignored here, as nowhere else: a probe that its sender has decorated must not take the service down.
"""

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from service.state import state_of
from tracker.errors import StoreUnavailable


async def healthz(_: Request) -> Response:
    """Tell that the process is alive.

    Whatever it needs may be away: a restart would not mend that.
    """
    return JSONResponse({"status": "ok"})


async def readyz(request: Request) -> Response:
    """Tell whether requests can be served.

    They can when Redis answers and has the scripts. `instance` is the same for every process of one installation.
    """
    instance = await state_of(request).store.ready()
    return JSONResponse({"status": "ready", "instance": instance})


async def metrics(request: Request) -> Response:
    """Give figures to Prometheus."""
    state = state_of(request)
    try:
        gauges = await state.store.gauges(state.clock())
    except StoreUnavailable:
        gauges = None  # the counters tell most just then
    return Response(state.metrics.render(gauges), media_type=CONTENT_TYPE_LATEST)

"""For machines that watch us: alive, ready, and figures."""

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from service.state import state_of


async def healthz(_: Request) -> Response:
    """200 while the process answers at all: a restart would not mend Redis."""
    return JSONResponse({"status": "ok"})


async def readyz(request: Request) -> Response:
    """200 when Redis answers and has the scripts, else 503."""
    await state_of(request).store.ready()
    return JSONResponse({"status": "ready"})


async def metrics(request: Request) -> Response:
    state = state_of(request)
    return Response(state.metrics.render(await state.store.gauges()), media_type=CONTENT_TYPE_LATEST)

"""The ASGI app: `uvicorn --factory sandbox.app:create_app`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox import api, backstage
from sandbox.api import State
from sandbox.life import Clock
from sandbox.recorder import Recorder
from sandbox.refusals import Refusal
from sandbox.settings import SandboxSettings
from sandbox.world import living, utc_now

ROUTES = [
    Route("/v2/images/generate", api.generate, methods=["POST"]),
    Route("/v2/images/midjourney/action", api.action, methods=["POST"]),
    Route("/v2/jobs", api.list_jobs, methods=["GET"]),
    Route("/v2/jobs/{job_id}", api.get_job, methods=["GET"]),
    Route("/v2/me", api.me, methods=["GET"]),
    Route("/images/{file}.png", api.image, methods=["GET"]),
    Route("/sandbox/mischief", backstage.get_mischief, methods=["GET"]),
    Route("/sandbox/mischief", backstage.put_mischief, methods=["PUT"]),
    Route("/sandbox/strikes", backstage.strikes, methods=["GET"]),
    Route("/sandbox/log", backstage.log, methods=["GET"]),
    Route("/sandbox/ledger", backstage.ledger, methods=["GET"]),
    Route("/sandbox/jobs", backstage.jobs, methods=["GET"]),
    Route("/sandbox/jobs", backstage.seed_job, methods=["POST"]),
    Route("/sandbox/jobs/{job_id}/settled", backstage.settled, methods=["GET"]),
]


def create_app(settings: SandboxSettings | None = None, clock: Clock = utc_now) -> Starlette:
    """A sandbox of its own: two apps share nothing. Settings left out are read from the environment at start."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[State]:
        async with living(settings or SandboxSettings(), clock) as world:
            yield {"world": world}

    return Starlette(
        routes=ROUTES,
        middleware=[Middleware(Recorder)],
        exception_handlers=dict.fromkeys((Refusal, HTTPException, ClientDisconnect, Exception), excuse),
        lifespan=lifespan,
    )


async def excuse(request: Request, error: Exception) -> Response:
    """The JSON answer for any error; only a bug is a 500."""
    match error:
        case Refusal():
            return JSONResponse(error.body, error.status, error.headers)
        case ClientDisconnect():  # nobody is there to read it, and it is no bug
            return JSONResponse({"error": "Client closed request"}, 499)
        case HTTPException():
            return JSONResponse({"error": error.detail}, error.status_code, error.headers)
        case _:
            return JSONResponse({"error": "Internal server error"}, 500)

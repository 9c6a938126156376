"""The service on one screen: every route with its scope, and what is opened and closed around them.

uvicorn service.app:create_app --factory
"""

from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypedDict

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from service import actions, audit, bulk, deliveries, health, jobs, operators, stats, webhooks
from service.auth import Caller, require
from service.dashboard import assets, signin
from service.dashboard.audit import audit_page
from service.dashboard.deliveries import deliveries_page
from service.dashboard.entrance import enter, on_error
from service.dashboard.health import health_page
from service.dashboard.html import Dashboard, Shown
from service.dashboard.job import job_page
from service.dashboard.jobs import jobs_page
from service.images import route as images
from service.lifespan import open_state
from service.live import stream
from service.reference import route as reference
from service.requests import RequestContext, accepts
from service.short.way import ShortWay
from service.state import State, state_of
from tracker import logs
from tracker.clock import Clock, utc_now
from tracker.errors import NotAcceptable, TrackerError
from tracker.settings import Scope, Settings, load_or_exit

Open = Callable[[Request], Awaitable[Response]]
Guarded = Callable[[Request, Caller], Awaitable[Response]]


@dataclass(frozen=True)
class Access:
    """A route that needs a key with `scope`, or with `or_scope`. `media` is the type of what it answers."""

    method: str
    path: str
    endpoint: Guarded
    scope: Scope
    or_scope: Scope | None = None
    media: str = "application/json"

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """Any of these will do."""
        return (self.scope, self.or_scope) if self.or_scope else (self.scope,)


@dataclass(frozen=True)
class Public:
    """A route that needs no key. Webhooks prove themselves by their signature."""

    method: str
    path: str
    endpoint: Open
    scopes: tuple[()] = ()


@dataclass(frozen=True)
class Page:
    """A page of the dashboard, for whoever has signed in with a key that has `scope`; its errors are pages, too."""

    method: str
    path: str
    endpoint: Shown
    scope: Scope


@dataclass(frozen=True)
class OpenPage:
    """What one gets before one has signed in."""

    method: str
    path: str
    endpoint: Open


ROUTES: tuple[Access | Public, ...] = (
    Access("POST", "/v1/jobs", jobs.submit, "submit"),
    Access("GET", "/v1/jobs", jobs.list_jobs, "read"),
    Access("POST", "/v1/jobs/track", actions.track, "submit"),
    Access("POST", "/v1/jobs/actions", bulk.act, "ops"),
    Access("GET", "/v1/jobs/{job_id}", jobs.get, "read"),
    Access("GET", "/v1/jobs/{job_id}/events", jobs.events, "read"),
    Access("GET", "/v1/jobs/{job_id}/images/{image}", images.image, "read", media="image/*"),
    Access("POST", "/v1/jobs/{job_id}/cancel", actions.cancel, "submit", "ops"),
    Access("POST", "/v1/jobs/{job_id}/refresh", actions.refresh, "ops"),
    Access("GET", "/v1/jobs/{job_id}/stream", stream.stream_job, "read", media=stream.MEDIA),
    Access("GET", "/v1/stream", stream.stream_jobs, "read", media=stream.MEDIA),
    Access("GET", "/v1/stats", stats.stats, "read"),
    Access("POST", "/v1/queue/pause", operators.pause, "ops"),
    Access("POST", "/v1/queue/resume", operators.resume, "ops"),
    Access("GET", "/v1/deliveries", deliveries.list_deliveries, "ops"),
    Access("GET", "/v1/quarantine", deliveries.list_quarantine, "ops"),
    Access("POST", "/v1/quarantine/{entry_id}/replay", deliveries.replay, "ops"),
    Access("DELETE", "/v1/quarantine/{entry_id}", deliveries.delete, "ops"),
    Access("GET", "/v1/audit", audit.list_audit, "ops"),
    Public("POST", "/webhooks/apiframe", webhooks.receive),
    Public("POST", "/webhooks/apiframe/{job_id}", webhooks.receive),
    Public("GET", "/healthz", health.healthz),
    Public("GET", "/readyz", health.readyz),
    Public("GET", "/metrics", health.metrics),
    Public("GET", "/openapi.json", reference.openapi),
    Public("GET", "/docs", reference.docs),
)
PAGES: tuple[Page | OpenPage, ...] = (
    Page("GET", "/", jobs_page, "read:all"),
    Page("GET", "/jobs/{job_id}", job_page, "read:all"),
    Page("GET", "/health", health_page, "read:all"),
    Page("GET", "/deliveries", deliveries_page, "ops"),
    Page("GET", "/audit", audit_page, "ops"),
    OpenPage("GET", "/sign-in", signin.form),
    OpenPage("POST", "/sign-in", signin.sign_in),
    OpenPage("POST", "/sign-out", signin.sign_out),
    OpenPage("GET", "/static/{name}", assets.asset),
    OpenPage("GET", "/favicon.ico", assets.icon),
)
"""For people in browsers, and so not in the API's description."""


def create_app(settings: Settings | None = None, clock: Clock = utc_now) -> Starlette:
    """The ASGI application; nothing is opened before it starts. Without `settings` the environment's are taken."""
    in_force = settings or _from_environment()
    app = Starlette(
        routes=_routes(),
        middleware=[Middleware(RequestContext)],
        exception_handlers={TrackerError: on_error, HTTPException: on_error},
        lifespan=_lifespan(in_force, clock),
    )
    app.router.redirect_slashes = False  # a webhook is not sent again to where a redirect points
    return app


def _from_environment() -> Settings:
    settings = load_or_exit()
    logs.configure(settings.log_level, settings.log_format)
    return settings


class Lifespan(TypedDict):
    tracker: State
    shortway: ShortWay
    reference: reference.Reference
    dashboard: Dashboard


def _lifespan(settings: Settings, clock: Clock) -> Callable[[Starlette], AbstractAsyncContextManager[Lifespan]]:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[Lifespan]:
        async with AsyncExitStack() as stack:
            state = await open_state(stack, settings, clock)
            yield {
                "tracker": state,
                "shortway": ShortWay(state),
                "reference": reference.Reference(ROUTES),
                "dashboard": Dashboard(),
            }

    return lifespan


Entry = Access | Public | Page | OpenPage


def _routes() -> list[Route]:
    entries: tuple[Entry, ...] = (*ROUTES, *PAGES)
    paths = dict.fromkeys(entry.path for entry in entries)
    return [_route(path, [entry for entry in entries if entry.path == path]) for path in paths]


def _route(path: str, methods: list[Entry]) -> Route:
    """One Starlette route for a path, so that a wrong method is 405 with every method in `Allow`."""
    by_method = {route.method: route for route in methods}

    async def endpoint(request: Request) -> Response:
        route = by_method["GET" if request.method == "HEAD" else request.method]
        match route:
            case Access():
                return await _guarded(request, route)
            case Public():
                return await route.endpoint(request)
            case Page():
                request.state.page = True
                return await enter(request, route.endpoint, route.scope)
            case OpenPage():
                request.state.page = True
                return await route.endpoint(request)

    return _Address(path, endpoint, methods=list(by_method))


async def _guarded(request: Request, route: Access) -> Response:
    caller = await state_of(request).keyring.caller(request)
    request.state.caller = caller.name
    require(caller, route.scope, route.or_scope)
    if not accepts(request, route.media):
        raise NotAcceptable(f"What is here is {route.media}; let Accept allow it.")
    return await route.endpoint(request, caller)


class _Address(Route):
    """Wholly matched by its path: a wrong method is 405 here, and no later path such as `{job_id}` is tried."""

    def matches(self, scope: MutableMapping[str, Any]) -> tuple[Match, MutableMapping[str, Any]]:
        match, child_scope = super().matches(scope)
        return (Match.FULL if match is Match.PARTIAL else match), child_scope

"""The way to a page: who has signed in gets it, others the form, and every error is a page, too."""

from typing import cast
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from service.auth import require
from service.dashboard.html import HEADERS, Shown, Visit, html, wants_html
from service.problems import on_http_exception, on_tracker_error
from service.state import state_of
from tracker.errors import NotFound, TooManyFailures, TrackerError, Unavailable
from tracker.settings import Scope

FRAMEWORK = {404: NotFound("There is nothing at this address.")}


async def enter(request: Request, endpoint: Shown, scope: Scope) -> Response:
    """`endpoint`'s page for whoever has signed in with `scope`, else the way to the sign-in form, or why not."""
    state = state_of(request)
    found = await state.keyring.signed_in(request)
    if found is None:
        return _to_sign_in(request)
    session, caller = found
    request.state.caller, request.state.visitor = caller.name, Visit(request, state, caller, session)
    require(caller, scope)
    return await endpoint(request.state.visitor)


def _to_sign_in(request: Request) -> Response:
    """A link on another site leads here without the cookie, which is sent from our own pages alone: so a page of ours
    asks once more before anybody is sent to the form."""
    if request.headers.get("sec-fetch-site") == "cross-site":
        return html(request, "arrival", address=_address(request))
    asked = _address(request)
    query = "?" + urlencode({"next": asked}) if asked != "/" else ""
    return RedirectResponse(f"/sign-in{query}", 303, HEADERS)


def _address(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


async def on_error(request: Request, error: Exception) -> Response:
    """Of the exceptions that Starlette hands over: a page for a browser that asked for one, else a problem."""
    if isinstance(error, HTTPException):
        refusal = FRAMEWORK.get(error.status_code)
        if refusal is None or not wants_html(request):
            return await on_http_exception(request, error)
        return error_page(request, refusal)
    if getattr(request.state, "page", False):
        return error_page(request, cast(TrackerError, error))
    return await on_tracker_error(request, error)


def error_page(request: Request, error: TrackerError) -> Response:
    """In plain words; with the shell where somebody has signed in."""
    wait = error.retry_after if isinstance(error, Unavailable | TooManyFailures) else None
    told = {"title": error.title, "status": error.status, "detail": str(error), "retry": wait}
    headers = {"Retry-After": str(wait)} if wait else {}
    visitor: Visit | None = getattr(request.state, "visitor", None)
    if visitor is not None and wait is None:
        return visitor.html("refused", status_code=error.status, **told)
    return html(request, "error", status_code=error.status, headers=headers, **told)

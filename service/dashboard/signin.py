"""The way in and out: a form that takes an API key, and a button that ends the session."""

import re
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from service import audit
from service.auth import Caller
from service.dashboard.html import HEADERS, html
from service.requests import media_type, read_body
from service.sessions import COOKIE, FORM_COOKIE, TOKEN_FIELD, forget, from_here
from service.state import state_of
from tracker.errors import BadRequest, Forbidden, TooManyFailures, TrackerError, Unauthenticated, UnsupportedMediaType

MAX_FORM = 16 * 1024
OWN_PAGE = re.compile(r"/(?:jobs/[0-9A-Fa-f-]{36}|deliveries|health|audit)?(?:\?[!-\[\]-~]*)?")
"""Where one may be led after signing in: pages of ours alone, by path."""
STALE = "The form had become too old, or came from elsewhere. Try again."
FOREIGN = "The form was sent by another site's page. Sign in on this one."
TOO_LITTLE = (
    "The key “{name}” is good, but the dashboard shows everybody's jobs: it takes a key with the scope read:all or ops."
)


async def form(request: Request) -> Response:
    """The form, or what was asked for where somebody has signed in already."""
    asked = own_page(request.query_params.get("next", "/"))
    if await state_of(request).keyring.signed_in(request):
        return RedirectResponse(asked, 303, HEADERS)
    return _form(request, asked)


async def sign_in(request: Request) -> Response:
    given = await _fields(request)
    asked = own_page(given.get("next", "/"))
    try:
        caller = _admitted(request, given)
    except TrackerError as error:
        if error.status not in (400, 401, 403, 429):
            raise
        return _form(request, asked, error)
    answer = RedirectResponse(asked, 303, HEADERS)
    state = state_of(request)
    state.sessions.begin(request, answer, state.keyring.mark(given["key"].strip()))
    forget(request, answer, FORM_COOKIE)
    request.state.caller = caller.name
    await audit.note(request, caller, "session.sign-in")
    return answer


def _admitted(request: Request, given: dict[str, str]) -> Caller:
    """Raises Forbidden for a form of others', BadRequest for one that is stale, and what wrong keys raise."""
    state = state_of(request)
    if not from_here(request):
        raise Forbidden(FOREIGN)
    if not state.sessions.holds(request.cookies.get(FORM_COOKIE, ""), given.get(TOKEN_FIELD, "")):
        raise BadRequest(STALE)
    key = given.get("key", "").strip()
    if not key:
        raise Unauthenticated("Give your API key.")
    caller = state.keyring.of_key(request, key)
    if "read:all" not in caller.scopes:
        raise Forbidden(TOO_LITTLE.format(name=caller.name))
    return caller


async def sign_out(request: Request) -> Response:
    """Ends the session everywhere, also for whoever has copied its cookie."""
    state, given = state_of(request), await _fields(request)
    answer = RedirectResponse("/sign-in", 303, HEADERS)
    found = await state.keyring.signed_in(request)
    if found is None:
        return answer  # and keeps the cookie, which another site's form would not have brought along
    session, caller = found
    if not (from_here(request) and state.sessions.holds(session.id, given.get(TOKEN_FIELD, ""))):
        raise Forbidden("This did not come from the dashboard's own button.")
    await state.sessions.end(session)
    forget(request, answer, COOKIE)
    request.state.caller = caller.name
    await audit.note(request, caller, "session.sign-out")
    return answer


def own_page(given: str) -> str:
    """`given` where it is a page of ours, else the first one."""
    return given if OWN_PAGE.fullmatch(given) else "/"


async def _fields(request: Request) -> dict[str, str]:
    """Of a plain form; of a field that is there twice, the last."""
    if media_type(request) != "application/x-www-form-urlencoded":
        raise UnsupportedMediaType("Send the form as browsers do.")
    body = await read_body(request, MAX_FORM)
    try:
        parsed = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=16)
    except ValueError:
        raise BadRequest("The form cannot be read.") from None
    return {name: values[-1] for name, values in parsed.items()}


def _form(request: Request, asked: str, error: TrackerError | None = None) -> Response:
    state = state_of(request)
    subject = state.sessions.form_subject(request)
    wait = {"Retry-After": str(error.retry_after)} if isinstance(error, TooManyFailures) else {}
    answer = html(
        request, "sign-in", status_code=error.status if error else 200, headers=wait, next=asked,
        token=state.sessions.token(subject), refusal=str(error) if error else None,
    )  # fmt: skip
    state.sessions.keep_form(request, answer, subject)
    return answer

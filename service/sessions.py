"""Sessions of people in browsers: a signed cookie that stands for an API key, and the token that each action carries.

The cookie holds no key, only a mark of it, and nothing is kept of a session but that it was signed out: so a session
works in every process of a service, and ends with its key.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from itsdangerous import BadData, Signer, URLSafeSerializer
from starlette.requests import Request
from starlette.responses import Response

from tracker.clock import Clock, from_ms, to_ms
from tracker.store.signedout import SignedOut

COOKIE, FORM_COOKIE = "inpaint_session", "inpaint_sign_in"
TOKEN_HEADER, TOKEN_FIELD = "X-CSRF-Token", "csrf"  # names, and no secrets
LIFETIME = timedelta(hours=12)
FORM_LIFETIME = timedelta(hours=1)
_SUBJECT = re.compile(r"[A-Za-z0-9_-]{24}")
OWN_SITE = ("same-origin", "none")
"""Of `Sec-Fetch-Site`: a page of ours, or the person's own doing."""


@dataclass(frozen=True)
class Session:
    """`key_mark` tells whose key was given, and nothing about the key."""

    id: str
    key_mark: str
    until: datetime


def mark_of_key(sha256: str) -> str:
    """Of a key's listed SHA-256: what a cookie knows it by."""
    return hashlib.sha256(f"inpaint-tracker session\n{sha256}".encode()).hexdigest()[:32]


class Sessions:
    def __init__(self, signed_out: SignedOut, clock: Clock, *given: str) -> None:
        """`given` are secrets, the same in every process of one service. The first signs; any is taken."""
        keys = [hashlib.sha256(f"inpaint-tracker sessions\n{one}".encode()).digest() for one in reversed(given)]
        self._signed_out, self._clock = signed_out, clock
        self._cookies = URLSafeSerializer(keys, "cookie", signer_kwargs={"digest_method": hashlib.sha256})
        self._tokens = Signer(keys, "token", digest_method=hashlib.sha256)

    def begin(self, request: Request, response: Response, key_mark: str) -> None:
        session = Session(secrets.token_urlsafe(18), key_mark, self._clock() + LIFETIME)
        sealed = self._cookies.dumps([session.id, session.key_mark, to_ms(session.until)])
        _set(request, response, COOKIE, str(sealed), LIFETIME)

    async def current(self, request: Request) -> Session | None:
        """None without a cookie of ours, and for one that is over or was signed out. Raises StoreUnavailable."""
        session = self._read(request.cookies.get(COOKIE, ""))
        if session is None or session.until <= self._clock() or await self._signed_out.holds(session.id):
            return None
        return session

    async def end(self, session: Session) -> None:
        """Raises StoreUnavailable."""
        await self._signed_out.add(session.id, session.until - self._clock())

    def token(self, subject: str) -> str:
        """What a form or a script sends along with an action of the session, or of the form, `subject`."""
        return self._tokens.get_signature(subject).decode()

    def holds(self, subject: str, token: str) -> bool:
        return token.isascii() and self._tokens.verify_signature(subject, token)

    def form_subject(self, request: Request) -> str:
        """What the sign-in form's token is bound to while there is no session: a cookie that only our pages set.

        One that cannot be ours is not sent back: Python refuses to set what no cookie can have.
        """
        given = request.cookies.get(FORM_COOKIE, "")
        return given if _SUBJECT.fullmatch(given) else secrets.token_urlsafe(18)

    def keep_form(self, request: Request, response: Response, subject: str) -> None:
        _set(request, response, FORM_COOKIE, subject, FORM_LIFETIME)

    def _read(self, cookie: str) -> Session | None:
        try:
            session_id, key_mark, until = self._cookies.loads(cookie)
        except BadData:
            return None
        return Session(session_id, key_mark, from_ms(until))


def from_here(request: Request) -> bool:
    """Whether a form was sent by a page of ours, as browsers tell it; one that says nothing is none."""
    if site := request.headers.get("sec-fetch-site"):
        return site in OWN_SITE
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


def forget(request: Request, response: Response, cookie: str) -> None:
    """`COOKIE` or `FORM_COOKIE`."""
    response.delete_cookie(cookie, path="/", secure=_secure(request), httponly=True, samesite="strict")


def _set(request: Request, response: Response, cookie: str, value: str, lifetime: timedelta) -> None:
    response.set_cookie(
        cookie, value, max_age=int(lifetime.total_seconds()), path="/",
        secure=_secure(request), httponly=True, samesite="strict",
    )  # fmt: skip


def _secure(request: Request) -> bool:
    return request.url.scheme == "https"

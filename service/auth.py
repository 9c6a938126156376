"""Who calls, and what they may do. Only the SHA-256 of a key is held, so looking one up gives nothing away."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from prometheus_client import Counter
from starlette.requests import Request

from service.failures import Failures, source_of
from service.sessions import COOKIE, TOKEN_HEADER, Session, Sessions, mark_of_key
from tracker.errors import Forbidden, Unauthenticated
from tracker.job import Job
from tracker.settings import ApiKey, Scope

_IMPLIED: dict[Scope, frozenset[Scope]] = {
    "ops": frozenset({"ops", "read:all", "read"}),
    "read:all": frozenset({"read:all", "read"}),
}

SHOWN = 8
"""Characters of a refused key that are logged, and never more than a quarter of it. The first four of those that
`keys new` mints are the same."""
MISSING = "Send an API key as X-API-Key, or as Authorization: Bearer."
SAFE = ("GET", "HEAD")
"""Methods that change nothing: a session needs no token for them."""
NO_TOKEN = f"A session's action needs its token as {TOKEN_HEADER}; reload the page."
OVER = "The session is over; sign in again."
UNKNOWN = "Nobody knows this API key. Check that it is whole and has not been rotated out."


@dataclass(frozen=True)
class Caller:
    """The owner of what a key submits, and the scopes of the key, those that others imply included."""

    name: str
    scopes: frozenset[Scope]

    def sees(self, job: Job) -> bool:
        return self.sees_owner(job.owner)

    def sees_owner(self, owner: str) -> bool:
        """Whether it sees this one's jobs."""
        return "read:all" in self.scopes or owner == self.name

    def owns(self, job: Job) -> bool:
        """May do with it what its owner may; an operator may with anyone's."""
        return "ops" in self.scopes or job.owner == self.name

    @property
    def only_owner(self) -> str | None:
        """The owner that a list is confined to, None for a caller who sees everyone's."""
        return None if "read:all" in self.scopes else self.name


class Keyring:
    def __init__(self, keys: Iterable[ApiKey], failures: Failures, refusals: Counter, sessions: Sessions) -> None:
        self._failures, self._refusals, self._sessions = failures, refusals, sessions
        self._callers = {key.sha256: Caller(key.name, _with_implied(key.scopes)) for key in keys}
        self._marked = {mark_of_key(sha256): caller for sha256, caller in self._callers.items()}

    async def caller(self, request: Request) -> Caller:
        """By `X-API-Key` or `Authorization: Bearer`, or else by a session. Raises Unauthenticated, TooManyFailures,
        and Forbidden where a session acts without its token."""
        key = (request.headers.get("x-api-key") or _bearer(request.headers.get("authorization", ""))).strip()
        if not key and (found := await self.signed_in(request)):
            session, caller = found
            if request.method not in SAFE and not self._sessions.holds(
                session.id, request.headers.get(TOKEN_HEADER, "")
            ):
                raise Forbidden(NO_TOKEN)
            request.state.by_session = True
            return caller
        if not key and COOKIE in request.cookies:
            self._refusals.labels("session").inc()
            raise Unauthenticated(OVER)  # of a page that was left open, which asks again and again: no guess at a key
        return self.of_key(request, key)

    def of(self, key: str) -> Caller | None:
        """None for no key, and for one that nobody knows."""
        return self._callers.get(_digest(key)) if key else None

    def of_key(self, request: Request, key: str) -> Caller:
        """Raises Unauthenticated, or TooManyFailures."""
        caller = self.of(key)
        if caller is None:
            self._refusals.labels("unknown" if key else "missing").inc()
            self._failures.slow_down(source_of(request), "key")
            self._failures.tell(request, "key", begins=key[: min(SHOWN, len(key) // 4)])
            raise Unauthenticated(UNKNOWN if key else MISSING)
        return caller

    async def signed_in(self, request: Request) -> tuple[Session, Caller] | None:
        """Whose session it is, where there is one and its key is still listed. Raises StoreUnavailable."""
        session = await self._sessions.current(request)
        caller = self._marked.get(session.key_mark) if session else None
        return (session, caller) if session and caller else None

    def mark(self, key: str) -> str:
        """What a session knows a key by."""
        return mark_of_key(_digest(key))


def require(caller: Caller, scope: Scope, or_scope: Scope | None = None) -> None:
    """Raises Forbidden unless the caller holds one of the two."""
    if not caller.scopes & {scope, or_scope}:
        raise Forbidden(f"The key '{caller.name}' lacks the scope '{scope}'.")


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _with_implied(scopes: Iterable[Scope]) -> frozenset[Scope]:
    return frozenset(scope for given in scopes for scope in _IMPLIED.get(given, {given}))


def _bearer(header: str) -> str:
    kind, _, key = header.partition(" ")
    return key if kind.lower() == "bearer" else ""

"""Who calls, and what they may do. Only the SHA-256 of a key is held, so looking one up gives nothing away."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import structlog
from starlette.requests import Request

from tracker.errors import Forbidden, Unauthenticated
from tracker.job import Job
from tracker.settings import ApiKey, Scope

_IMPLIED: dict[Scope, frozenset[Scope]] = {
    "ops": frozenset({"ops", "read:all", "read"}),
    "read:all": frozenset({"read:all", "read"}),
}

SHOWN = 4
"""Characters of a refused key that are logged: enough to tell whose it was meant to be, by its prefix."""
log = structlog.get_logger()


@dataclass(frozen=True)
class Caller:
    """The owner of what a key submits, and the scopes of the key, those that others imply included."""

    name: str
    scopes: frozenset[Scope]

    def sees(self, job: Job) -> bool:
        return "read:all" in self.scopes or job.owner == self.name

    def owns(self, job: Job) -> bool:
        """May do with it what its owner may; an operator may with anyone's."""
        return "ops" in self.scopes or job.owner == self.name

    @property
    def only_owner(self) -> str | None:
        """The owner that a list is confined to, None for a caller who sees everyone's."""
        return None if "read:all" in self.scopes else self.name


class Keyring:
    def __init__(self, keys: Iterable[ApiKey]) -> None:
        self._callers = {key.sha256: Caller(key.name, _with_implied(key.scopes)) for key in keys}

    def caller(self, request: Request) -> Caller:
        """By `X-API-Key` or `Authorization: Bearer`. Raises Unauthenticated."""
        key = request.headers.get("x-api-key") or _bearer(request.headers.get("authorization", ""))
        if not key:
            raise Unauthenticated("Send an API key as X-API-Key, or as Authorization: Bearer.")
        caller = self._callers.get(hashlib.sha256(key.strip().encode()).hexdigest())
        if caller is None:
            log.warning("key refused", begins=key.strip()[:SHOWN])
            raise Unauthenticated("Nobody knows this API key. Check that it is whole and has not been rotated out.")
        return caller


def require(caller: Caller, scope: Scope, or_scope: Scope | None = None) -> None:
    """Raises Forbidden unless the caller holds one of the two."""
    if not caller.scopes & {scope, or_scope}:
        raise Forbidden(f"The key '{caller.name}' lacks the scope '{scope}'.")


def _with_implied(scopes: Iterable[Scope]) -> frozenset[Scope]:
    return frozenset(scope for given in scopes for scope in _IMPLIED.get(given, {given}))


def _bearer(header: str) -> str:
    kind, _, key = header.partition(" ")
    return key if kind.lower() == "bearer" else ""

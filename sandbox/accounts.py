"""Who calls: users with their keys and their team's credits."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sandbox.ledger import Ledger
from sandbox.refusals import KeyInactive, KeyRequired, KeyUnknown
from sandbox.settings import SandboxSettings


@dataclass(slots=True, eq=False)
class User:
    """One user, alone in a team."""

    name: str
    role: str
    plan: str
    keys: tuple[str, ...]
    ledger: Ledger

    def wire(self, key: str, max_concurrent_jobs: int) -> dict[str, Any]:
        """The answer of `GET /v2/me` to a request with `key`."""
        return {
            "user": {"id": _id(f"user {self.name}"), "email": f"{self.name}@example.com", "role": self.role},
            "team": {
                "id": _id(f"team {self.name}"),
                "name": f"Team {self.name}",
                "credits": self.ledger.balance,
                "plan": self.plan,
                "customerId": None,
                "maxConcurrentJobs": max_concurrent_jobs,
            },
            "apiKey": {"id": _id(f"key {key}"), "name": "sandbox", "prefix": key[:8]},
        }


class Accounts:
    """Finds the user behind an API key."""

    def __init__(self, settings: SandboxSettings, inactive: Callable[[], bool]) -> None:
        self.users = (
            self._user("owner", settings, settings.api_keys),
            self._user("stranger", settings, settings.stranger_keys),
        )
        self._inactive = inactive

    def of(self, key: str | None) -> User:
        """Raises `KeyRequired`, `KeyUnknown` or `KeyInactive`."""
        if not key:
            raise KeyRequired
        user = next((user for user in self.users if key in user.keys), None)
        if user is None:
            raise KeyUnknown
        if self._inactive():
            raise KeyInactive
        return user

    @staticmethod
    def _user(name: str, settings: SandboxSettings, keys: tuple[str, ...]) -> User:
        return User(name, settings.role, settings.plan, keys, Ledger(settings.credits))


def _id(text: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, text))

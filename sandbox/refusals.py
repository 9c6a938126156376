"""Every refusal that upstream answers, with its exact status, JSON body and headers.

    Refusal
    ├── Invalid              400  a body or a query that fails validation: `details` {path: [messages]}
    ├── WrongParent          400  the parent is of the other kind
    ├── KeyRequired          401
    ├── KeyUnknown           401
    ├── InsufficientCredits  402  nothing was deducted
    ├── KeyInactive          403
    ├── NotForMembers        403  scope=team
    ├── JobNotFound          404  unknown, or another user's
    ├── Unavailable          409  the parent's state does not allow the action
    ├── KeyReused            409  the same Idempotency-Key with another body
    ├── TooLarge             413
    ├── RateLimited          429  Retry-After, in seconds
    └── Outage               503

Texts are upstream's where its documentation quotes them, else composed; only statuses and shapes are promised.
"""

from collections.abc import Mapping
from typing import Any, ClassVar


class Refusal(Exception):
    """`str(refusal)` is the `error` of the answer; `extra` and `headers` go along with it."""

    status: ClassVar[int]
    text: ClassVar[str] = ""

    def __init__(
        self, text: str = "", extra: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(text or self.text)
        self.body = {"error": text or self.text, **(extra or {})}
        self.headers = dict(headers or {})


class Invalid(Refusal):
    status, text = 400, "Validation failed"

    def __init__(self, details: Mapping[str, list[str]] | None = None, text: str = "") -> None:
        super().__init__(text, {"details": dict(details)} if details else None)


class WrongParent(Refusal):
    status = 400


class KeyRequired(Refusal):
    status, text = 401, "API key is required"


class KeyUnknown(Refusal):
    status, text = 401, "Invalid API key"


class InsufficientCredits(Refusal):
    status, text = 402, "Insufficient credits"

    def __init__(self, required: int, available: int) -> None:
        super().__init__("", {"creditsRequired": required, "creditsAvailable": available})


class KeyInactive(Refusal):
    status, text = 403, "API key is inactive"


class NotForMembers(Refusal):
    status, text = 403, "Only team admins can list the jobs of the team"


class JobNotFound(Refusal):
    status, text = 404, "Job not found"


class Unavailable(Refusal):
    status, text = 409, "Requested action is not available for the parent job"


class KeyReused(Refusal):
    status, text = 409, "Idempotency-Key was already used with a different request body"


class TooLarge(Refusal):
    status, text = 413, "Request body is too large"


class RateLimited(Refusal):
    status, text = 429, "Rate limit exceeded"

    def __init__(self, retry_after: int) -> None:
        super().__init__("", None, {"Retry-After": str(retry_after)})


class Outage(Refusal):
    status, text = 503, "Service unavailable"

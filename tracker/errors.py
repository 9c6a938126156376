"""Every error that a caller or an operator can be shown.

    TrackerError
    ├── BadRequest            400  the request cannot be read
    ├── Unauthenticated       401  no key, or one that nobody knows
    ├── SignatureRefused      401  a webhook whose signature is missing or wrong
    ├── Forbidden             403  the key lacks a scope
    ├── NotFound              404  no such thing, or not yours to see
    ├── MethodNotAllowed      405
    ├── NotAcceptable         406  `Accept` allows no JSON
    ├── TooSlow               408  the request did not come in time
    ├── Conflict              409  the same Idempotency-Key with another body
    ├── Gone                  410  it was there, and has expired
    ├── TooLarge              413  a body above its limit
    ├── UnsupportedMediaType  415
    ├── InvalidInput          422  a field is at fault: `errors` {field: [messages]}
    │   └── MaskRefused       422  the mask is
    ├── TooManyFailures       429  wrong keys or signatures, from one source: `retry_after` seconds
    ├── HeadersTooLarge       431
    ├── UpstreamFault         502  what Apiframe has there is of no use
    └── Unavailable           503  try again: `retry_after` seconds
        ├── StoreUnavailable  503  Redis cannot take it now
        ├── Backlogged        503  too much is pending already
        ├── Busy              503  too much is being sent at once
        └── UpstreamUnavailable 503  Apiframe could not be asked
    ConfigurationError             a wrong setting; ends a start, never a request

Each knows its HTTP status and its code; `service.problems` turns any of them into one RFC 9457 answer.
"""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import ClassVar

MAX_FIELDS = 32
MAX_NAME = 128


class TrackerError(Exception):
    """Base of all; `str(error)` is the sentence that a person reads."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "Internal error"


class BadRequest(TrackerError):
    status, code, title = 400, "bad-request", "Bad request"


class Unauthenticated(TrackerError):
    status, code, title = 401, "unauthenticated", "Authentication required"


class SignatureRefused(TrackerError):
    """`cause` is a short word for counting; the message never holds the signature itself."""

    status, code, title = 401, "signature-refused", "Webhook signature refused"

    def __init__(self, cause: str, message: str) -> None:
        super().__init__(message)
        self.cause = cause


class Forbidden(TrackerError):
    status, code, title = 403, "forbidden", "Not allowed"


class NotFound(TrackerError):
    status, code, title = 404, "not-found", "Not found"


class MethodNotAllowed(TrackerError):
    status, code, title = 405, "method-not-allowed", "Method not allowed"


class NotAcceptable(TrackerError):
    status, code, title = 406, "not-acceptable", "Not acceptable"


class TooSlow(TrackerError):
    status, code, title = 408, "too-slow", "Request too slow"


class TooManyFailures(TrackerError):
    """`retry_after` in seconds."""

    status, code, title = 429, "too-many-failures", "Too many failures"

    def __init__(self, message: str, retry_after: int) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class HeadersTooLarge(TrackerError):
    status, code, title = 431, "headers-too-large", "Headers too large"


class Conflict(TrackerError):
    status, code, title = 409, "conflict", "Conflict"


class Gone(TrackerError):
    status, code, title = 410, "gone", "Gone"


class TooLarge(TrackerError):
    """`size` in bytes, where it was declared."""

    status, code, title = 413, "too-large", "Body too large"

    def __init__(self, message: str, size: int | None = None) -> None:
        super().__init__(message)
        self.size = size


class UnsupportedMediaType(TrackerError):
    status, code, title = 415, "unsupported-media-type", "Unsupported media type"


class InvalidInput(TrackerError):
    """`errors` maps the top-level field, as it was sent, to its messages.

    Of very many, and of a very long name, only some is told: no request makes an answer large.
    """

    status, code, title = 422, "invalid-input", "Invalid input"

    def __init__(self, errors: Mapping[str, Sequence[str]]) -> None:
        self.errors = {_short(field): list(texts) for field, texts in islice(errors.items(), MAX_FIELDS)}
        super().__init__("; ".join(f"{field}: {text}" for field, texts in self.errors.items() for text in texts))


def _short(name: str) -> str:
    return name if len(name) <= MAX_NAME else f"{name[:MAX_NAME]}…"


class MaskRefused(InvalidInput):
    """The mask cannot be used; `message` says why and what to do."""

    def __init__(self, message: str) -> None:
        super().__init__({"mask": [message]})


class UpstreamFault(TrackerError):
    """Asking again would hardly help: upstream answered, and its answer cannot be passed on."""

    status, code, title = 502, "upstream-fault", "Apiframe's image cannot be used"


class Unavailable(TrackerError):
    """`retry_after` in seconds."""

    status, code, title = 503, "unavailable", "Unavailable"

    def __init__(self, message: str, retry_after: int = 2) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class StoreUnavailable(Unavailable):
    code, title = "store-unavailable", "Storage unavailable"


class Backlogged(Unavailable):
    code, title = "backlogged", "Too many jobs are waiting"


class Busy(Unavailable):
    code, title = "busy", "Too much is being sent at once"


class UpstreamUnavailable(Unavailable):
    code, title = "upstream-unavailable", "Apiframe could not be asked"


class ConfigurationError(TrackerError):
    """One line for each wrong setting in `problems`, each naming its variable."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = list(problems)

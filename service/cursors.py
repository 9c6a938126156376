"""Cursors: opaque to callers, sealed by us. One that was changed, or that belongs to another list, is refused."""

import base64
import hashlib
import hmac
from collections.abc import Sequence

from tracker.errors import InvalidInput

_TAG = 9
"""Bytes of the seal: a guess has one chance in 2^72, and a cursor gives no more than its list does."""


class Cursors:
    """`secrets` must be the same in every process of one service. The first seals; what any has sealed is opened."""

    def __init__(self, *secrets: str) -> None:
        self._keys = [hashlib.sha256(f"inpaint-tracker cursors\n{secret}".encode()).digest() for secret in secrets]

    def seal(self, position: str | None, scope: Sequence[str]) -> str | None:
        """`scope` says which list it is, filters included."""
        if position is None:
            return None
        tag = _tag(self._keys[0], position, scope)
        return base64.urlsafe_b64encode(tag + position.encode()).decode().rstrip("=")

    def open(self, cursor: str | None, scope: Sequence[str]) -> str | None:
        """Raises InvalidInput for anything that `seal` did not make for this list."""
        if cursor is None:
            return None
        try:
            sealed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
            position = sealed[_TAG:].decode()
        except ValueError:
            sealed, position = b"", ""
        if not any(hmac.compare_digest(sealed[:_TAG], _tag(key, position, scope)) for key in self._keys):
            text = "Not a cursor of this list: send nextCursor of the page before, with the same filters."
            raise InvalidInput({"cursor": [text]})
        return position


def _tag(key: bytes, position: str, scope: Sequence[str]) -> bytes:
    return hmac.digest(key, "\n".join([position, *scope]).encode(), "sha256")[:_TAG]

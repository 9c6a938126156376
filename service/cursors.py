"""Cursors: opaque to callers, sealed by us. One that was changed, or that belongs to another list, is refused."""

import base64
import hashlib
import hmac
from collections.abc import Sequence

from tracker.errors import InvalidInput

_TAG = 9
"""Bytes of the seal: a guess has one chance in 2^72, and a cursor gives no more than its list does."""


class Cursors:
    """`secret` must be the same in every process of one service."""

    def __init__(self, secret: bytes) -> None:
        self._key = hashlib.sha256(b"inpaint-tracker cursors\n" + secret).digest()

    def seal(self, position: str | None, scope: Sequence[str]) -> str | None:
        """`scope` says which list it is, filters included."""
        if position is None:
            return None
        return base64.urlsafe_b64encode(self._tag(position, scope) + position.encode()).decode().rstrip("=")

    def open(self, cursor: str | None, scope: Sequence[str]) -> str | None:
        """Raises InvalidInput for anything that `seal` did not make for this list."""
        if cursor is None:
            return None
        try:
            sealed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
            position = sealed[_TAG:].decode()
        except ValueError:
            sealed, position = b"", ""
        if not hmac.compare_digest(sealed[:_TAG], self._tag(position, scope)):
            text = "Not a cursor of this list: send nextCursor of the page before, with the same filters."
            raise InvalidInput({"cursor": [text]})
        return position

    def _tag(self, position: str, scope: Sequence[str]) -> bytes:
        return hmac.digest(self._key, "\n".join([position, *scope]).encode(), "sha256")[:_TAG]

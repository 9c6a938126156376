"""X-Webhook-Signature: HMAC-SHA256 over the raw body, keyed with the SHA-256 of the API key (dossier, section 6).

Whether that key is the 32 raw bytes (the SDK) or its 64 hex characters (seen in production) is not documented, so
both are tried unless one is pinned, for the current key and those rotated out. The header is taken with or without
`sha256=` and in any hex case; outer white space is trimmed; everything else is refused.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tracker.errors import SignatureRefused
from tracker.ids import UUID_BYTES

SecretForm = Literal["raw", "hex"]

PREFIX, DIGITS = "sha256=", 64
"""What the header has: this, and so many hex digits."""
_HEX = re.compile(r"[0-9a-f]{64}")
_BLOCK = 64
"""Bytes that SHA-256 takes at a time."""
_JOB_ID = re.compile(rb'(?<="jobId":")%b(?=")' % UUID_BYTES)
_TRUST = object()


def mark_of(api_key: str) -> str:
    """Tells keys apart where a job must remember which it was submitted with; nothing can be signed with it."""
    return hashlib.sha256(b"mark " + _secret(api_key, "hex")).hexdigest()[:8]


@dataclass(frozen=True, init=False)
class Delivery:
    """The bytes of a webhook whose signature is genuine: `Verifier.verify` makes one, and it may be kept.

    `secret_form` says which reading of the signing key matched, `key_index` which key (0 is the current one).
    """

    body: bytes
    secret_form: SecretForm
    key_index: int

    def __init__(self, body: bytes, secret_form: SecretForm, key_index: int, _trust: object = None) -> None:
        if _trust is not _TRUST:
            raise TypeError("a Delivery is made by Verifier.verify alone")
        fields = self.__dict__  # in a third of the time that frozen fields take to be set
        fields["body"], fields["secret_form"], fields["key_index"] = body, secret_form, key_index

    @property
    def fingerprint(self) -> bytes:
        """Tells a body that was seen before: 8 bytes, since it only has to be unlike the others of one job, and without
        the job's id, since the same is told of many."""
        return hashlib.sha256(_JOB_ID.sub(b"", self.body, 1)).digest()[:8]


def verified_before(body: bytes, secret_form: SecretForm, key_index: int) -> Delivery:
    """One that was verified when it came, out of the quarantine, where nothing else is kept."""
    return Delivery(body, secret_form, key_index, _TRUST)


class _Mac:
    """HMAC-SHA256 (RFC 2104) under one key: its two states are kept, and copied in half of the time that `hmac` takes
    for one of its own."""

    def __init__(self, key: bytes) -> None:
        """`key` is no longer than a block."""
        block = key.ljust(_BLOCK, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))

    def of(self, body: bytes) -> str:
        """In hex digits."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(body)
        outer.update(inner.digest())
        return outer.hexdigest()


class Verifier:
    """Holds the keyed states, so that a delivery costs one pass over its body and a key."""

    def __init__(self, api_keys: Sequence[str], form: Literal["auto", "raw", "hex"] = "auto") -> None:
        self._macs = [
            (_Mac(_secret(key, secret_form)), secret_form, index)
            for index, key in enumerate(key.strip() for key in api_keys)
            for secret_form in _forms(form)
            if key
        ]

    def verify(self, body: bytes, header: str | None) -> Delivery:
        """Raises SignatureRefused, whose `cause` is `missing`, `malformed` or `mismatch`."""
        given = _given(header)
        for place, (mac, secret_form, index) in enumerate(self._macs):
            if hmac.compare_digest(mac.of(body), given):
                self._try_first(place)
                return Delivery(body, secret_form, index, _TRUST)
        if not _HEX.fullmatch(given):
            raise _malformed()
        raise SignatureRefused("mismatch", "X-Webhook-Signature does not match this body.")

    def _try_first(self, place: int) -> None:
        """The next is most probably signed alike."""
        if place:
            self._macs.insert(0, self._macs.pop(place))


def _forms(form: Literal["auto", "raw", "hex"]) -> tuple[SecretForm, ...]:
    return ("raw", "hex") if form == "auto" else (form,)


def _secret(api_key: str, form: SecretForm) -> bytes:
    digest = hashlib.sha256(api_key.encode())
    return digest.digest() if form == "raw" else digest.hexdigest().encode()


def _given(header: str | None) -> str:
    """As many characters as there are hex digits, in lower case. ASCII, since `compare_digest` raises on other text."""
    if not header:
        raise SignatureRefused("missing", "X-Webhook-Signature is missing.")
    digits = header.strip().removeprefix(PREFIX)
    if len(digits) != DIGITS or not digits.isascii():
        raise _malformed()
    return digits.lower()


def _malformed() -> SignatureRefused:
    return SignatureRefused("malformed", "X-Webhook-Signature is not 'sha256=' and 64 hex digits.")

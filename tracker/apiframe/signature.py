"""X-Webhook-Signature: HMAC-SHA256 over the raw body, keyed with the SHA-256 of the API key (dossier, section 6).

Whether that key is the 32 raw bytes (the SDK) or its 64 hex characters (seen in production) is not documented, so
both are tried unless one is pinned, for the current key and those rotated out. The header is taken with or without
`sha256=` and in any hex case; outer white space is trimmed; everything else is refused.
"""

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import InitVar, dataclass
from typing import Literal

from tracker.errors import SignatureRefused
from tracker.ids import UUID_BYTES

SecretForm = Literal["raw", "hex"]

_HEADER = re.compile(r"(?:sha256=)?([0-9a-fA-F]{64})")
_USUAL = len("sha256=") + 64
_JOB_ID = re.compile(rb'(?<="jobId":")%b(?=")' % UUID_BYTES)
_TRUST = object()


def mark_of(api_key: str) -> str:
    """Tells keys apart where a job must remember which it was submitted with; nothing can be signed with it."""
    return hashlib.sha256(b"mark " + _secret(api_key, "hex")).hexdigest()[:8]


@dataclass(frozen=True)
class Delivery:
    """The bytes of a webhook whose signature is genuine: `Verifier.verify` makes one, and it may be kept.

    `secret_form` says which reading of the signing key matched, `key_index` which key (0 is the current one).
    """

    body: bytes
    secret_form: SecretForm
    key_index: int
    _trust: InitVar[object] = None

    def __post_init__(self, _trust: object) -> None:
        if _trust is not _TRUST:
            raise TypeError("a Delivery is made by Verifier.verify alone")

    @property
    def fingerprint(self) -> bytes:
        """Tells a body that was seen before: 8 bytes, since it only has to be unlike the others of one job, and without
        the job's id, since the same is told of many."""
        return hashlib.sha256(_JOB_ID.sub(b"", self.body, 1)).digest()[:8]


def verified_before(body: bytes, secret_form: SecretForm, key_index: int) -> Delivery:
    """One that was verified when it came, out of the quarantine, where nothing else is kept."""
    return Delivery(body, secret_form, key_index, _TRUST)


class Verifier:
    """Holds the keyed HMAC states, so that a delivery costs one pass over its body and a key."""

    def __init__(self, api_keys: Sequence[str], form: Literal["auto", "raw", "hex"] = "auto") -> None:
        self._states = [
            (hmac.new(_secret(key, secret_form), digestmod=hashlib.sha256), secret_form, index)
            for index, key in enumerate(key.strip() for key in api_keys)
            for secret_form in _forms(form)
            if key
        ]

    def verify(self, body: bytes, header: str | None) -> Delivery:
        """Raises SignatureRefused, whose `cause` is `missing`, `malformed` or `mismatch`."""
        given = _read(header)
        for place, (state, secret_form, index) in enumerate(self._states):
            mac = state.copy()
            mac.update(body)
            if hmac.compare_digest(mac.digest(), given):
                self._try_first(place)
                return Delivery(body, secret_form, index, _TRUST)
        raise SignatureRefused("mismatch", "X-Webhook-Signature does not match this body.")

    def _try_first(self, place: int) -> None:
        """The next is most probably signed alike."""
        if place:
            self._states.insert(0, self._states.pop(place))


def _forms(form: Literal["auto", "raw", "hex"]) -> tuple[SecretForm, ...]:
    return ("raw", "hex") if form == "auto" else (form,)


def _secret(api_key: str, form: SecretForm) -> bytes:
    digest = hashlib.sha256(api_key.encode())
    return digest.digest() if form == "raw" else digest.hexdigest().encode()


def _read(header: str | None) -> bytes:
    """Bytes, since `compare_digest` raises on text that is not ASCII; strictly hex, though `fromhex` skips blanks."""
    if not header:
        raise SignatureRefused("missing", "X-Webhook-Signature is missing.")
    if len(header) == _USUAL and header.startswith("sha256="):
        try:
            given = bytes.fromhex(header[7:])
        except ValueError:
            given = b""
        if len(given) == 32:  # not one of its digits is a blank
            return given
    match = _HEADER.fullmatch(header.strip())
    if match is None:
        raise SignatureRefused("malformed", "X-Webhook-Signature is not 'sha256=' and 64 hex digits.")
    return bytes.fromhex(match[1])

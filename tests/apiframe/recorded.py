"""The dossier's test data, and deliveries that are signed as upstream signs them."""

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tracker.apiframe.reading import read_delivery
from tracker.apiframe.signature import Delivery, Verifier
from tracker.events import Report

KEY = "afk_test_0123456789abcdef0123456789abcdef"
OTHER_KEY = "afk_test_ffffffffffffffffffffffffffffffff"
JOB_ID = "a1b2c3d4-e5f6-7890-abcd-ef1234567890"

_DATA = Path(__file__).parents[1] / "data"
_VERIFIER = Verifier([KEY])


def _load(name: str) -> Any:
    return json.loads((_DATA / name).read_text("utf-8"))


PAYLOADS: dict[str, Any] = _load("webhook-payloads.json")
VECTORS: dict[str, Any] = _load("signature-vectors.json")


@dataclass(frozen=True)
class Vector:
    """One signature and the verdicts on it: the SDK's (raw secret), and that of a receiver with the hex secret."""

    name: str
    api_key: str
    body: bytes
    header: str | None
    raw: bool
    hex: bool

    @classmethod
    def of(cls, row: dict[str, Any]) -> "Vector":
        body = base64.b64decode(row["bodyBase64"])
        verdicts = row["sdkVerdict"], row.get("hexStringSecretVerdict", False)
        return cls(row["name"], row["apiKey"], body, row["signatureHeader"], *verdicts)


SIGNATURES = [Vector.of(row) for row in VECTORS["vectors"] + VECTORS["hexStringSecretVectors"]]


def signature(body: bytes, key: str = KEY) -> str:
    """The header as the SDK computes it: keyed with the 32 bytes of the key's SHA-256."""
    return "sha256=" + hmac.new(hashlib.sha256(key.encode()).digest(), body, "sha256").hexdigest()


def delivery(body: bytes) -> Delivery:
    return _VERIFIER.verify(body, signature(body))


def read(body: bytes | dict[str, Any]) -> Report:
    """What a genuine delivery of this body is read as."""
    return read_delivery(delivery(body if isinstance(body, bytes) else json.dumps(body).encode()))


def told(**fields: Any) -> Report:
    """The same for a body that says PROCESSING of the usual job, save for what `fields` say."""
    return read({"jobId": JOB_ID, "status": "PROCESSING", **fields})

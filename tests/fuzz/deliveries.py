"""Webhooks: bytes and headers, most of them genuinely signed, so that what is behind the signature is reached."""

import hashlib
import hmac
import json
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import httpx
from hypothesis import strategies as st

from tests.door import UPSTREAM_KEY
from tracker.apiframe.reading import EVENTS
from tracker.job import Status

RECORDED = json.loads((Path(__file__).parents[1] / "data" / "webhook-payloads.json").read_text("utf-8"))["webhooks"]
PAYLOADS = [payload["body"] for payload in RECORDED]
OTHERS = {"message", "id", "job_id", "type", "input", "expired"}
NAMES = sorted(OTHERS.union(*PAYLOADS))
WORDS = [*EVENTS, *Status, "MELTING"]
OURS = [str(UUID(int=n | (4 << 76) | (2 << 62))) for n in range(40)]
"""Few, so that many deliveries are about the same job."""
MORE = [b"X-Webhook-Event", b"Content-Type", b"X-Request-ID", b"Accept", b"X-Forwarded-For", b"Content-Encoding"]
MAY_BE_AWAY = {b"store-unavailable", b"upstream-unavailable", b"backlogged", b"busy"}
"""The 503s that the documentation has."""
DIGEST = hashlib.sha256(UPSTREAM_KEY.encode())

_text = st.text(st.characters(), max_size=40) | st.sampled_from(["https://cdn.test/1.png", "\ud83d", "1e999", "\x00"])
_scalars = st.none() | st.booleans() | st.integers() | st.floats() | _text | st.sampled_from(WORDS)
_values = st.recursive(
    _scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_text, inner, max_size=4), max_leaves=8
)
_ids = st.sampled_from(OURS) | st.uuids().map(str) | _text
_facts = st.fixed_dictionaries(
    {"jobId": st.sampled_from(OURS)},
    optional={
        "event": st.sampled_from(list(EVENTS)), "status": st.sampled_from(list(Status)),
        "progress": st.integers(-10, 110), "result": _values, "error": _values, "creditCost": _values,
        "completedAt": _text | st.datetimes().map(str), "expired": st.booleans(),
        "input": st.fixed_dictionaries({}, optional={"prompt": _text, "webhookUrl": _text}),
    },
)  # fmt: skip
"""What can be read, most of it; the rest of a delivery is upstream's own."""
_documents = st.fixed_dictionaries({}, optional={**dict.fromkeys(NAMES, _values), "jobId": _ids})
_recorded = st.tuples(st.sampled_from(PAYLOADS), _facts).map(lambda drawn: {**drawn[0], **drawn[1]})
_likely = st.integers(0, 9).flatmap(lambda chance: _documents | _values if chance > 7 else _recorded)
_written = st.tuples(_likely, st.booleans()).map(
    lambda drawn: json.dumps(drawn[0], ensure_ascii=drawn[1]).encode("utf-8", "surrogatepass")
)


def with_changes(drawn: tuple[bytes, list[tuple[int, bytes]]]) -> bytes:
    """Pieces laid over it here and there, half of each pushed in between."""
    body, pieces = drawn
    for place, piece in pieces:
        at = place % (len(body) + 1)
        body = body[:at] + piece + body[at + len(piece) // 2 :]
    return body


changes = st.lists(st.tuples(st.integers(0, 10_000), st.binary(max_size=4)), max_size=4)
_broken = st.tuples(_written, changes).map(with_changes) | st.binary(max_size=500)
bodies = st.integers(0, 9).flatmap(lambda chance: _broken if chance > 7 else _written)


def _as_header(value: bytes) -> bytes:
    """As much of it as httpx sends; `streams` have the rest."""
    return bytes(byte for byte in value if byte >= 32 and byte != 127).strip()


_headers = st.binary(max_size=60).map(_as_header)


@dataclass(frozen=True)
class Delivery:
    path: str
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


def _signature(body: bytes, raw: bool) -> bytes:
    secret = DIGEST.digest() if raw else DIGEST.hexdigest().encode()
    return b"sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest().encode()


@st.composite
def deliveries(draw: st.DrawFn, job_ids: list[str]) -> Delivery:
    body = draw(bodies)
    right = _signature(body, draw(st.booleans()))
    hex_digits = st.text("0123456789abcdefABCDEF", min_size=64, max_size=64).map(str.encode)
    wrong = _headers | hex_digits | st.tuples(st.just(right), changes).map(with_changes).map(_as_header)
    given = [right] if draw(st.integers(0, 9)) < 8 else draw(st.lists(wrong, max_size=2))
    more = draw(st.dictionaries(st.sampled_from(MORE), _headers, max_size=3))
    address = draw(st.sampled_from(["", *(f"/{job_id}" for job_id in [*job_ids, *OURS[:3], "x", "%00", "%ff"])]))
    headers = (*more.items(), *((b"X-Webhook-Signature", value) for value in given))
    return Delivery(f"/webhooks/apiframe{address}", headers, body)


def deliver(client: httpx.Client, delivery: Delivery) -> None:
    """Never a 5xx, and 200 only with an outcome."""
    answer = client.post(delivery.path, headers=list(delivery.headers), content=delivery.body)
    if answer.status_code == 200:
        assert set(answer.json()) == {"jobId", "outcome"}
        return
    assert answer.headers["content-type"] == "application/problem+json", answer
    told = answer.json()
    code = told["type"].rpartition("#")[2].encode()
    assert told["status"] == answer.status_code
    assert answer.status_code < 500 or (answer.status_code == 503 and code in MAY_BE_AWAY), told

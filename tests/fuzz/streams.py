"""HTTP as nobody should write it: broken request lines, headers that contradict each other, tricks with chunks."""

import re
import socket
from contextlib import suppress
from urllib.parse import urlsplit

from hypothesis import strategies as st

from tests.door import KEYS
from tests.fuzz.deliveries import MAY_BE_AWAY, bodies, changes, with_changes
from tests.wire import statuses

PATHS = [b"/v1/jobs", b"/v1/jobs/track", b"/v1/queue/resume", b"/webhooks/apiframe", b"/healthz", b"/v1/jobs/%00",
         b"/v1/jobs?label.a=b&status=FAILED", b"/v1/deliveries", b"/v1/quarantine", b"*", b"http://x/healthz", b"//",
         b"/..", b"/%ff", b"/v1/jobs?cursor=%ed%a0%80", b"", b"/docs#x", b"/\xff"]  # fmt: skip
METHODS = b"GET POST POST PUT HEAD DELETE OPTIONS PATCH CONNECT TRACE get G\x00T".split(b" ")
VERSIONS = [b"HTTP/1.1"] * 8 + [b"HTTP/1.0", b"HTTP/0.9", b"HTTP/2.0", b"HTTP/1.2", b"", b"ICE/1.0"]
USUAL = [
    b"Host: x", b"Connection: keep-alive", b"Expect: 100-continue", b"Content-Type: application/json",
    b"Content-Type: application/json", b"Content-Type: multipart/form-data; boundary=B", b"X-Request-ID: a",
    b"Accept: */*", b"Accept: text/html", b"Idempotency-Key: k", b"If-None-Match: *", b"Range: bytes=0-1",
    b"X-Forwarded-For: 1.2.3.4", b"Trailer: X-API-Key", b"Cookie: a=b", b"Prefer: wait=1", b"X: \xff\xfe",
]  # fmt: skip
ODD = [
    b"Host: y", b"Host: [", b"Host: \xff/", b"Connection: close", b"Connection: Upgrade", b"Upgrade: websocket",
    b"Upgrade: h2c", b"Content-Type: text/plain", b"Content-Type: multipart/form-data; boundary=B; charset=utf-7",
    b"Content-Type: multipart/form-data", b"Content-Length: 0", b"Content-Length: 2", b"Content-Length: 99999999",
    b"Content-Length: -1", b"Content-Length: 9999999999999999999", b"Content-Length: 1e1", b"Content-Length : 2",
    b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity", b"Transfer-Encoding: gzip, chunked",
    b"Transfer-Encoding:\tchunked", b" folded", b"NoColon", b": empty", b"X: \x00", b"X-Request-ID: \xe9",
    b"Idempotency-Key: \xe9", b"Idempotency-Key:", b"X-Forwarded-For: ,,%", b"X-Forwarded-Proto: \xff",
    b"X-Webhook-Signature: sha256=00", b"Cookie: " + b"a" * 20_000, b"Authorization: Bearer",
    b"Authorization: Basic Og==", b"X-API-Key: key-of-ops",
]  # fmt: skip
LAST = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
"""Ends a connection that is still well, so that nobody has to wait for it."""
SILENCE = 0.15
"""Seconds after which a service that has not answered is taken to wait for more."""


def _mostly(usual: st.SearchStrategy[bytes], odd: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """One in ten is odd: of a request that is odd all over, nothing is read but its first line."""
    return st.integers(0, 9).flatmap(lambda chance: usual if chance else odd)


_pieces = st.binary(max_size=30) | st.sampled_from([b"{}", b'{"reason": "x"}', b"--B\r\n", b"--B--\r\n"])
_sizes = _mostly(
    st.just(b"%x"), st.sampled_from([b"%X", b"0%x", b"%x;a=b", b" %x", b"%x ", b"-%x", b"0x%x", b"%x\n", b"f%x"])
)
_chunk = st.tuples(_sizes, _pieces).map(lambda drawn: drawn[0] % len(drawn[1]) + b"\r\n" + drawn[1] + b"\r\n")
_ends = st.sampled_from(
    [b"0\r\n\r\n", b"0\r\nX-API-Key: key-of-ops\r\n\r\n", b"0\r\n", b"", b"00\r\n\r\n", b"0;" + b"x" * 200]
)
_chunked = st.tuples(st.lists(_chunk, max_size=4), _ends).map(lambda drawn: b"".join(drawn[0]) + drawn[1])
_methods = _mostly(st.sampled_from(METHODS[:3]), st.sampled_from(METHODS))
_targets = _mostly(st.sampled_from(PATHS[:9]), st.sampled_from(PATHS))
_versions = _mostly(st.just(b"HTTP/1.1"), st.sampled_from(VERSIONS))
_line = st.tuples(_methods, _targets, _versions).map(b" ".join)
_key = st.sampled_from([b"X-API-Key: " + key.encode() for key, _ in KEYS.values()])
_header = _mostly(st.sampled_from(USUAL), st.sampled_from(ODD) | st.binary(max_size=30))
_heads = st.tuples(_line, _mostly(_key, _header), st.lists(_header, max_size=4)).map(
    lambda drawn: b"\r\n".join([drawn[0], drawn[1], *drawn[2], b"", b""])
)


def _whole(drawn: tuple[bytes, bytes]) -> bytes:
    """The body with its length, as a well-meaning client would send it."""
    head, body = drawn
    return head[:-2] + b"Content-Length: %d\r\n\r\n" % len(body) + body


def _in_chunks(drawn: tuple[bytes, bytes]) -> bytes:
    head, body = drawn
    return head[:-2] + b"Transfer-Encoding: chunked\r\n\r\n" + body


_framed = st.tuples(_heads, bodies).map(_whole) | st.tuples(_heads, _chunked).map(_in_chunks)
_requests = _mostly(_framed, st.tuples(_heads, _chunked | bodies).map(b"".join))
_changed = st.tuples(_requests, changes).map(with_changes)
streams = st.lists(_mostly(_requests, _changed), min_size=1, max_size=3).map(b"".join)


def speak(address: str, stream: bytes) -> None:
    """Whatever comes back, no answer in it is one of a service that failed."""
    received = _told(address, stream + LAST)
    codes = set(re.findall(rb'"type": "/docs#([^"]+)"', received))
    assert codes & {b"internal"} == set(), received
    assert b"Internal Server Error" not in received, received
    for status in statuses(received):
        assert status < 500 or (status == 503 and codes & MAY_BE_AWAY), received


def _told(address: str, stream: bytes) -> bytes:
    """What came until the service closed the connection, or had nothing more to say."""
    place, received = urlsplit(address), b""
    with socket.create_connection((place.hostname, place.port), timeout=SILENCE) as line, suppress(OSError):
        line.sendall(stream)
        while chunk := line.recv(65_536):
            received += chunk
    return received

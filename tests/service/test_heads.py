"""A head whose words came before says what it would say if nothing had come before."""

import pytest

from service.short.heads import HEADS_KNOWN, Asked, Heads

JOB, ANOTHER = "0190a5a0-0000-7000-8000-000000000000", "7f0c2a5e-4b1d-4c6e-9f3a-2b8d1e5c7a90"
SIGNATURE = "sha256=" + "0a" * 32
BEGINNING = b"POST /webhooks/apiframe"


def request(job_id: str = JOB, signature: str = SIGNATURE, body: bytes = b"{}", more: str = "") -> bytes:
    head = (
        f"{BEGINNING.decode()}/{job_id} HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\n"
        f"X-Webhook-Signature: {signature}\r\n{more}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def looked_at(job_id: str = JOB, key: str = "k") -> bytes:
    return f"GET /v1/jobs/{job_id} HTTP/1.1\r\nHost: here\r\nX-API-Key: {key}\r\n\r\n".encode()


def afresh(data: bytes) -> Asked | None:
    return Heads(BEGINNING, optional=True).read(data)


@pytest.fixture
def heads() -> Heads:
    """It has read one request."""
    heads = Heads(BEGINNING, optional=True)
    assert heads.read(request())
    return heads


def test_another_job_and_another_signature_are_told(heads: Heads) -> None:
    data = request(ANOTHER, "sha256=" + "b1" * 32, b"[]")
    asked = heads.read(data)
    assert asked == afresh(data)
    assert asked is not None
    assert (asked.job_id, asked.signature, asked.body) == (ANOTHER, b"sha256=" + b"b1" * 32, b"[]")
    assert asked.headers == {b"host": b"here", b"content-type": b"application/json", b"content-length": b"2"}


def test_whatever_byte_is_another_it_is_read_as_if_it_came_first(heads: Heads) -> None:
    """Each in its turn: as every other kind of byte, missing, and twice."""
    data = request()
    changed = [
        data[:at] + other + data[at + 1 :]
        for at in range(len(data))
        for other in (b"\r", b"\n", b"\r\n", b" ", b":", b"0", b"g", b"A", b"\0", b"\xe4", b"", data[at : at + 1] * 2)
    ]
    differently = [one for one in changed if heads.read(one) != afresh(one)]
    assert differently == []


@pytest.mark.parametrize(
    "data",
    [
        request(signature="sha256=" + "0a" * 22 + "\r\nTransfer-Encoding: "[:20]),
        request(signature="sha256=" + "0a" * 20 + "\r\nConnection: close\r\nA: 0a"[:24]),
        request(signature="sha256=" + "0a" * 30 + "\r\n\r\n"),
        request(signature="sha256=" + "0a" * 31),
        request(signature="0a" * 32),
        request(signature=""),
        request(JOB.upper()),
        request(JOB.replace("-", "0")),
        request("/" * 36),
        request(body=b"longer"),
        request(body=b""),
        request() + b"}",
        request()[:-1],
        request().replace(b"\r\n\r\n", b"\r\n"),
        request().replace(b"/" + JOB.encode(), b""),
        request().replace(b"Host: here", b"Host: sha256=" + b"0a" * 32),
        request(more="Digest: sha256=" + "0a" * 32 + "\r\n"),
        request(more="Connection: close\r\n"),
        request(more="Host: there\r\n"),
        looked_at(),
    ],
)
def test_what_only_looks_alike_is_read_as_if_it_came_first(heads: Heads, data: bytes) -> None:
    """The first time, and the second."""
    assert [heads.read(data), heads.read(data)] == [afresh(data)] * 2


def test_what_is_cut_out_of_one_is_no_signature_of_the_next(heads: Heads) -> None:
    """Two that are alike: which of them is the signature, words alone do not tell."""
    twins = request().replace(b"Host: here", b"Host: " + SIGNATURE.encode())
    assert heads.read(twins)
    another = twins.replace(b"Host: sha256=0a", b"Host: sha256=ff")
    assert heads.read(another) == afresh(another)


def test_one_without_an_id_lends_its_words_to_nobody(heads: Heads) -> None:
    """Here a header ends as the first line of the other does."""
    begins = len(BEGINNING) + 1
    lone = BEGINNING + b" HTTP/1.1\r\nA: "
    lone += b"a" * (begins + 36 - len(lone)) + request()[begins + 36 :]
    assert heads.read(lone) == afresh(lone)
    assert heads.read(lone.replace(lone[:begins], BEGINNING + b"/")) is None
    assert heads.read(request()) == afresh(request())


@pytest.mark.parametrize("more", ["X-Request-ID: one\r\n", "traceparent: one\r\n", f"A: {'a' * 1000}\r\n"])
def test_what_never_comes_again_is_not_remembered(heads: Heads, more: str) -> None:
    known = dict(heads._said)
    assert heads.read(request(more=more))
    assert heads._said == known


def test_only_so_many_are_remembered(heads: Heads) -> None:
    for number in range(HEADS_KNOWN + 10):
        assert heads.read(request(more=f"A: {number}\r\n"))
    assert len(heads._said) <= HEADS_KNOWN


def test_a_request_that_is_not_signed_has_a_head_of_its_own_words() -> None:
    """Whoever sends another key is another."""
    heads = Heads(b"GET /v1/jobs")
    for job_id, key in ((JOB, "one"), (ANOTHER, "one"), (ANOTHER, "two")):
        asked = heads.read(looked_at(job_id, key))
        assert asked == Asked(job_id, b"", {b"host": b"here", b"x-api-key": key.encode()}, b"", ends=False)
    assert len(heads._said) == 2

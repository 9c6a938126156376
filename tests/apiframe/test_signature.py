"""Signatures: the SDK's verdicts, the hex-string reading, pinning, rotation, and headers from hostile hands."""

import copy
import dataclasses
import hashlib
import hmac
import string

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.apiframe.recorded import KEY, OTHER_KEY, SIGNATURES, Vector, signature
from tracker.apiframe.signature import Delivery, SecretForm, Verifier
from tracker.errors import SignatureRefused

BODY = b'{"event":"failed"}'
each_vector = pytest.mark.parametrize("vector", SIGNATURES, ids=lambda vector: vector.name)


def verdict(verifier: Verifier, vector: Vector) -> SecretForm | None:
    """The form that matched, None where the signature was refused."""
    try:
        return verifier.verify(vector.body, vector.header).secret_form
    except SignatureRefused:
        return None


def refusal(header: str | None, body: bytes = BODY) -> SignatureRefused:
    with pytest.raises(SignatureRefused) as caught:
        Verifier([KEY, OTHER_KEY]).verify(body, header)
    return caught.value


@each_vector
def test_pinned_to_raw_each_vector_gets_the_verdict_of_the_sdk(vector: Vector) -> None:
    """The hex-string vectors too: the SDK refuses them all."""
    assert verdict(Verifier([vector.api_key], "raw"), vector) == ("raw" if vector.raw else None)


@each_vector
def test_pinned_to_hex_only_the_hex_string_reading_is_taken(vector: Vector) -> None:
    """As the receiver seen in production does it."""
    assert verdict(Verifier([vector.api_key], "hex"), vector) == ("hex" if vector.hex else None)


@each_vector
def test_unpinned_either_reading_is_taken_and_told(vector: Vector) -> None:
    """And nothing that neither of the two takes."""
    expected = "raw" if vector.raw else "hex" if vector.hex else None
    assert verdict(Verifier([vector.api_key]), vector) == expected


def test_the_vectors_hold_both_verdicts_of_both_readings() -> None:
    """Lest an empty file prove everything."""
    assert {(vector.raw, vector.hex) for vector in SIGNATURES} == {(True, False), (False, True), (False, False)}


@pytest.mark.parametrize(("signed_with", "index"), [(KEY, 0), (OTHER_KEY, 1), ("afk_oldest", 2)])
def test_keys_rotated_out_are_still_accepted_and_told_by_their_index(signed_with: str, index: int) -> None:
    """0 is the current key."""
    verifier = Verifier([KEY, OTHER_KEY, "afk_oldest"])
    assert verifier.verify(BODY, signature(BODY, signed_with)).key_index == index


def test_a_key_that_was_never_ours_is_refused() -> None:
    """However many keys there are."""
    assert refusal(signature(BODY, "afk_foreign")).cause == "mismatch"


@pytest.mark.parametrize("read_from_a_file", [f"{KEY}\n", f"{KEY}\r\n", f" {KEY} "])
def test_white_space_around_a_key_is_no_part_of_it(read_from_a_file: str) -> None:
    """A secret in a file tends to end in a newline, and upstream's hash of the key knows of none."""
    assert Verifier([read_from_a_file]).verify(BODY, signature(BODY)).body == BODY


@pytest.mark.parametrize("blank", ["", " ", "\n"])
def test_a_blank_key_verifies_nothing(blank: str) -> None:
    """Anyone can sign with the empty key."""
    with pytest.raises(SignatureRefused):
        Verifier([blank]).verify(BODY, signature(BODY, ""))
    assert Verifier([blank, KEY]).verify(BODY, signature(BODY)).key_index == 1


def test_without_any_key_everything_is_refused() -> None:
    """There is no 'no secret set, accept everything'."""
    with pytest.raises(SignatureRefused):
        Verifier([]).verify(BODY, signature(BODY, ""))


@pytest.mark.parametrize("space", [" ", "\t", "\n", "\r\n"])
def test_white_space_around_a_header_is_trimmed(space: str) -> None:
    """As the SDK does it."""
    assert Verifier([KEY]).verify(BODY, f"{space}{signature(BODY)}{space}").body == BODY


@pytest.mark.parametrize(
    ("header", "cause"),
    [
        (None, "missing"),
        ("", "missing"),
        ("   ", "malformed"),
        ("sha256=", "malformed"),
        ("not-hex", "malformed"),
        ("sha1=" + "a" * 40, "malformed"),
        ("SHA256=" + "a" * 64, "malformed"),
        ("sha256= " + "a" * 64, "malformed"),
        ("sha256=sha256=" + "a" * 64, "malformed"),
        ("a" * 63, "malformed"),
        ("a" * 65, "malformed"),
        ("a" * 66, "malformed"),
        ("ab " * 21 + "a", "malformed"),
        ("\u0661" * 64, "malformed"),
        ("\uff41" * 64, "malformed"),
        ("é" * 64, "malformed"),
        (signature(BODY) + ", " + signature(BODY), "malformed"),
        ("0" * 64, "mismatch"),
        (signature(BODY + b" "), "mismatch"),
    ],
)
def test_a_refusal_says_why(header: str | None, cause: str) -> None:
    """In a word for counting; digits of other scripts are not hex, whatever `int` thinks."""
    assert refusal(header).cause == cause


@pytest.mark.parametrize("header", [signature(BODY + b" "), "zz" * 32, "é" * 64])
def test_a_refusal_holds_neither_the_signature_given_nor_the_one_expected(header: str) -> None:
    """Its message is shown and logged."""
    error = refusal(header)
    shown = f"{error} {error!r} {error.args}"
    assert header not in shown
    assert signature(BODY).removeprefix("sha256=") not in shown


@settings(deadline=None)
@given(
    header=st.none() | st.text(st.characters()) | st.text(string.hexdigits + "=sha \n", max_size=80),
    body=st.binary(max_size=64),
)
@example(header="sha256=" + "f" * 64, body=b"")
@example(header="\ud800" * 64, body=b"\xff")
@example(header="\x00" * 64, body=b"\x00")
def test_no_header_raises_anything_but_a_refusal(header: str | None, body: bytes) -> None:
    """Any text at all, lone surrogates and NULs among it."""
    assert refusal(header, body).cause in ("missing", "malformed", "mismatch")


@settings(deadline=None)
@given(body=st.binary(max_size=64), key=st.text(min_size=1, max_size=40).filter(lambda text: text.strip() == text))
def test_what_was_signed_verifies_and_any_other_body_does_not(body: bytes, key: str) -> None:
    """Over the bytes, be they text or not."""
    verifier = Verifier([key], "raw")
    assert verifier.verify(body, signature(body, key)).body == body
    with pytest.raises(SignatureRefused):
        verifier.verify(body + b"\n", signature(body, key))


@pytest.mark.parametrize("size", [0, 1, 55, 56, 63, 64, 65, 119, 120, 128, 1000, 100_000])
@pytest.mark.parametrize("form", ["raw", "hex"])
def test_bodies_of_every_size_are_signed_as_the_library_signs_them(size: int, form: SecretForm) -> None:
    """On either side of where SHA-256 begins another block; the same state serves more than once."""
    body, key = bytes(range(256)) * (size // 256 + 1), hashlib.sha256(KEY.encode())
    secret = key.digest() if form == "raw" else key.hexdigest().encode()
    verifier = Verifier([KEY], form)
    for part in (body[:size], body[1 : size + 1]):
        assert verifier.verify(part, hmac.new(secret, part, "sha256").hexdigest().upper()).body == part


def test_a_delivery_cannot_be_made_by_hand() -> None:
    """Verified is a type."""
    with pytest.raises(TypeError):
        Delivery(BODY, "raw", 0)
    with pytest.raises(TypeError):
        Delivery(BODY, "raw", 0, object())


def test_a_genuine_delivery_lends_its_trust_to_no_other_body() -> None:
    """It cannot be changed, and a copy cannot be altered."""
    genuine = Verifier([KEY]).verify(BODY, signature(BODY))
    with pytest.raises(TypeError):
        dataclasses.replace(genuine, body=b"forged")
    with pytest.raises(dataclasses.FrozenInstanceError):
        genuine.body = b"forged"  # type: ignore[misc]
    assert copy.copy(genuine) == genuine


def test_a_fingerprint_tells_bodies_apart_and_knows_one_again() -> None:
    """Eight bytes, the same for the same bytes whichever key signed them."""
    verifier = Verifier([KEY, OTHER_KEY])
    first, again, other = (
        verifier.verify(body, signature(body, key)).fingerprint
        for body, key in ((BODY, KEY), (BODY, OTHER_KEY), (BODY + b" ", KEY))
    )
    assert first == again != other
    assert len(first) == 8


@pytest.mark.parametrize(
    ("body", "alike"),
    [
        (b'{"jobId":"7f0c2a5e-4b1d-4c6e-9f3a-2b8d1e5c7a90","progress":5}', True),
        (b'{"jobId":"0f9d4c1e-1111-4222-8333-944445555666","progress":6}', False),
        (b'{"jobId":"7f0c2a5e-4b1d-4c6e-9f3a-2b8d1e5c7a9","progress":5}', False),
        (b'{"jobId":"7F0C2A5E-4B1D-4C6E-9F3A-2B8D1E5C7A90","progress":5}', False),
        (b'{"jobId":"7f0c2a5e-4b1d-4c6e-9f3a-2b8d1e5c7a901","progress":5}', False),
        (b'{"job":"7f0c2a5e-4b1d-4c6e-9f3a-2b8d1e5c7a90","progress":5}', False),
    ],
)
def test_a_fingerprint_tells_what_is_told_whichever_job_it_is_told_of(body: bytes, alike: bool) -> None:
    """It is held against others of one job. Nothing but an id as upstream spells it is left out."""
    first = b'{"jobId":"0f9d4c1e-1111-4222-8333-944445555666","progress":5}'
    told = [Verifier([KEY]).verify(one, signature(one)).fingerprint for one in (first, body)]
    assert (told[0] == told[1]) is alike

"""Callers' JSON: what is taken, and what is refused in which words, before it can cost anything."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.documents import MAX_PARTS, json_object
from tracker.errors import BadRequest, InvalidInput

BIG = 12_000_000


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        (b'{"a": 1, "a": 1}', {"a": ["Given more than once."]}),
        (b'{"a": 1, "\\u0061": 2, "b": 3}', {"a": ["Given more than once."]}),
        (b'{"labels": {"x": "1", "x": "2"}}', {"labels": ["x: Given more than once."]}),
        (b'{"filter": {"labels": {"x": "1", "x": "2"}}}', {"filter": ["labels.x: Given more than once."]}),
        (b'{"a\n": 1, "a\\n": 1}', {"a\n": ["Given more than once."]}),
    ],
)
def test_a_name_that_is_there_twice_is_refused(body: bytes, errors: dict[str, list[str]]) -> None:
    """By name, however it is written: which of the two is meant is not guessed."""
    with pytest.raises(InvalidInput) as caught:
        json_object(body)
    assert caught.value.errors == errors


@pytest.mark.parametrize(
    "body",
    [b'{"a": NaN}', b'{"a": -Infinity}', b'{"a": "\\ud800"}', b'{"\\udfff": 1}', b'{"a": "\xed\xa0\x80"}', b"\xff{}",
     b'{"a": ' + b"9" * 5000 + b"}", b'{"a":' * 1000 + b"1" + b"}" * 1000, b"[1]", b"", b"{}{}"],
)  # fmt: skip
def test_what_is_no_strict_json_is_refused(body: bytes) -> None:
    """NaN, half of a character, numbers beyond measure, depth, no object, two objects."""
    with pytest.raises(BadRequest):
        json_object(body)


@pytest.mark.parametrize("body", [b"[" + b"[]," * (BIG // 3), b'{"a":[' + b"0," * (BIG // 2), b'{"":' * (BIG // 4)])
def test_more_parts_than_make_sense_are_not_even_read(body: bytes) -> None:
    """12 MB of them would take hundreds in memory, and an answer that names each would be larger still."""
    with pytest.raises(BadRequest, match=f"more than {MAX_PARTS:,} commas and brackets"):
        json_object(body)


@pytest.mark.parametrize("body", [b'"' + b'\\"' * (BIG // 2), b'{"mask":"' + b"A\n" * (BIG // 2), b'"\\' * (BIG // 3)])
def test_a_text_without_an_end_is_looked_at_once(body: bytes) -> None:
    """It was looked at again from each quote within it: 12 MB would have stopped the whole service for days."""
    started = time.perf_counter()
    with pytest.raises(BadRequest):
        json_object(body)
    assert time.perf_counter() - started < 5


def test_an_answer_does_not_grow_with_the_request() -> None:
    """Names are shortened, and of many some are told."""
    with pytest.raises(InvalidInput) as caught:
        json_object(b'{"%b": 1, "%b": 2}' % (b"a" * BIG, b"a" * BIG))
    assert len(str(caught.value)) < 500
    assert len(InvalidInput({str(n): ["No."] for n in range(1000)}).errors) == 32


@given(st.binary(max_size=200) | st.text(alphabet='{}[]",:\\a1\n\t', max_size=60).map(str.encode))
def test_any_bytes_are_an_object_or_one_error(body: bytes) -> None:
    """Never another."""
    try:
        assert isinstance(json_object(body), dict)
    except (BadRequest, InvalidInput) as error:
        assert str(error)  # noqa: PT017

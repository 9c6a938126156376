"""The framing of server-sent events, as the WHATWG has it, with comments and a bound."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inpaint_tracker_client.eventstream import Comment, Decoder, Message, TooLarge

PLAIN = b"id: 1\nevent: job\ndata: {}\n\n: at 7\n\ndata: a\ndata: b\n\n"
READ = [Message("job", "{}", "1"), Comment("at 7"), Message("message", "a\nb")]


def read(*chunks: bytes, largest: int = 1_000) -> list[Message | Comment]:
    decoder = Decoder(largest)
    return [told for chunk in chunks for told in decoder.feed(chunk)]


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_a_line_ends_in_any_of_three_ways(end: bytes) -> None:
    """An event is told with its last byte, without a look at the next one, and in whatever pieces it comes."""
    stream = PLAIN.replace(b"\n", end)
    assert read(stream) == READ
    assert read(*(stream[at : at + 1] for at in range(len(stream)))) == READ
    assert read(b"data: x\n", end)[-1:] == [Message("message", "x")]


@given(st.lists(st.integers(0, len(PLAIN)), max_size=6), st.sampled_from([b"\n", b"\r", b"\r\n"]))
def test_no_cut_between_chunks_changes_anything(cuts: list[int], end: bytes) -> None:
    """Empty chunks, and a line's end that is cut in two."""
    stream = PLAIN.replace(b"\n", end)
    places = [0, *sorted(cuts), len(stream)]
    assert read(*(stream[a:b] for a, b in pairwise(places))) == READ


def test_a_letter_may_be_cut_in_two() -> None:
    """And bytes that are no UTF-8 end nothing."""
    assert read(b"data: gr\xc3", b"\xb6\xc3\x9fe\n\n") == [Message("message", "größe")]
    assert read(b"data: \xff\n\n") == [Message("message", "\ufffd")]


def test_a_byte_order_mark_is_for_the_start_alone() -> None:
    """In whatever pieces."""
    assert read(b"\xef", b"\xbb\xbfdata: x\n\n") == [Message("message", "x")]
    assert read(b"\n\xef\xbb\xbfdata: x\n\n") == []


def test_fields_are_read_as_they_should_be() -> None:
    """One blank after the colon is none of the value's; unknown ones, and those without a colon, do no harm."""
    assert read(b"data:x\ndata:  y\ndata\n\n") == [Message("message", "x\n y\n")]
    assert read(b"event: a\nevent: b\nretry: 5\nnonsense\nodd: 1\ndata: x\n\n") == [Message("b", "x")]
    assert read(b"data: a: b\n\n:\n:x\n:  y\n") == [
        Message("message", "a: b"),
        Comment(""),
        Comment("x"),
        Comment(" y"),
    ]


def test_what_has_no_data_is_no_event() -> None:
    """And leaves nothing to the next one."""
    assert read(b"id: 1\nevent: job\n\ndata: x\n\n\n\n") == [Message("message", "x")]
    assert read(b"data\n\n") == [Message("message", "")]


def test_what_is_cut_off_is_no_event() -> None:
    """However little is missing."""
    assert read(b"id: 1\ndata: x\n") == []
    assert read(b"id: 1\ndata: x") == []


@pytest.mark.parametrize(("line", "found"), [(b"id: 5", "5"), (b"id", ""), (b"id: a\0b", None), (b"", None)])
def test_an_id_holds_no_nul(line: bytes, found: str | None) -> None:
    """Such a line counts for nothing."""
    assert read(line + b"\ndata: x\n\n" if line else b"data: x\n\n") == [Message("message", "x", found)]


@pytest.mark.parametrize("event", [b"data: " + b"x" * 2_000, b"data: x\n" * 300, b"id: 1\n" * 300, b":" + b"x" * 2_000])
def test_what_does_not_end_is_not_gathered(event: bytes) -> None:
    """As one line, or as many; in one chunk, or byte by byte."""
    for chunks in ([event], [event[at : at + 1] for at in range(len(event))]):
        with pytest.raises(TooLarge):
            read(*chunks)


def test_many_small_ones_are_not_too_large() -> None:
    """Events and comments are counted each for itself."""
    assert len(read(b"data: x\n\n" * 1_000)) == 1_000
    assert len(read(b": heart\n" * 1_000)) == 1_000

"""How values read."""

from datetime import UTC, datetime, timedelta

import pytest

from service.dashboard import words

NOW = datetime(2026, 3, 15, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (0.9, "0 s"), (59, "59 s"), (60, "1 min"), (3599, "59 min"), (3600, "1 h"), (86_400 * 3, "3 d")],
)
def test_a_span_is_told_in_its_largest_unit(seconds: float, text: str) -> None:
    """Rounded down, as ages are."""
    assert words.span(seconds) == text
    assert words.age(NOW - timedelta(seconds=seconds), NOW) == text


def test_what_lies_ahead_is_no_age_and_what_is_past_is_over() -> None:
    """Clocks of two machines may differ."""
    assert words.age(NOW + timedelta(hours=1), NOW) == "0 s"
    assert (words.left(NOW + timedelta(hours=23, minutes=59), NOW), words.left(NOW, NOW)) == ("23 h", "over")


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (150 * 1024, "150 KiB"), (2**41, "2.0 TiB")]
)
def test_sizes_have_units(count: int, text: str) -> None:
    """Of 1,024."""
    assert words.size(count) == text


def test_times_are_utc() -> None:
    """Whole for people and for `datetime`, short where entries of a day stand beneath each other."""
    moment = datetime(2026, 3, 15, 11, 0, 32, 120_400, tzinfo=UTC)
    assert words.iso(moment) == "2026-03-15T11:00:32.120Z"
    assert words.clock(moment) == "2026-03-15 11:00:32 UTC"
    assert words.clock_ms(moment) == "11:00:32.120"


def test_numbers_and_shares() -> None:
    """With thousands apart."""
    assert (words.number(12345), words.number(3.25), words.share(0.0169)) == ("12,345", "3.2", "1.7 %")

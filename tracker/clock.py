"""The clock, as a parameter: nothing but an entry point decides which one is used."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


def to_ms(moment: datetime) -> int:
    """Milliseconds since 1970, as Redis keeps every time."""
    return int(moment.timestamp() * 1000)


def span_ms(span: timedelta) -> int:
    """Milliseconds that it lasts."""
    return int(span.total_seconds() * 1000)


def from_ms(milliseconds: int | str | bytes) -> datetime:
    return datetime.fromtimestamp(int(milliseconds) / 1000, UTC)

"""UUIDv7 (RFC 9562), so that a job's id tells when it was made and ids sort by time.

Ours rather than a library's because the time is a parameter: an adopted job's id carries the time it was made
upstream, and so every index orders by creation without a score.
"""

import os
import re
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
UUID_BYTES = rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
"""A pattern for one in bytes, spelled as we and upstream spell it."""
_VARIANT = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))
"""The digit that tells the variant, with two random bits in it, by a random digit."""
_lock = threading.Lock()
_last = (0, 0)


class _Random:
    """The system's random bytes, fetched many at once: a call for each id would cost more than all the rest of it."""

    MANY = 4096

    def __init__(self, size: int) -> None:
        """`size` in hex digits."""
        self._size = size
        self.forget()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self.forget)

    def forget(self) -> None:
        """After a fork: else both would go on alike."""
        self._pieces: Iterator[str] = iter(())

    def take(self) -> str:
        """Some hex digits. An iterator gives each to one thread alone."""
        for piece in self._pieces:
            return piece
        digits, size = os.urandom(self.MANY).hex(), self._size
        self._pieces = iter([digits[at : at + size] for at in range(size, len(digits), size)])
        return digits[:size]


_random, _tokens = _Random(16), _Random(32)


def token() -> str:
    """32 hex digits that nobody else has, with no time in them."""
    return _tokens.take()


def new_id(now: datetime) -> str:
    """A new id for something made at `now`; ids of one process and one millisecond keep their order."""
    milliseconds = int(now.timestamp() * 1000)
    return _compose(milliseconds, _counter(milliseconds))


def made_at(job_id: str) -> datetime:
    """The moment in an id of `new_id`, to the millisecond."""
    return datetime.fromtimestamp(made_at_ms(job_id) / 1000, UTC)


def made_at_ms(job_id: str) -> int:
    """The same in milliseconds since 1970."""
    return int(job_id[:8] + job_id[9:13], 16)


def first_id(moment: datetime) -> str:
    """The lowest id that anything made at `moment` can have."""
    return str(uuid.UUID(int=(int(moment.timestamp() * 1000) << 80) | (7 << 76) | (2 << 62)))


def as_uuid(text: str) -> str | None:
    """`text` in lower case if it is a UUID in its usual 36 characters, else None."""
    return text.lower() if _UUID.fullmatch(text) else None


def _counter(milliseconds: int) -> int:
    """RFC 9562 section 6.2, method 1: 12 bits that count up within a millisecond and start anew in the next."""
    global _last
    with _lock:
        _last = (milliseconds, _last[1] + 1 if _last[0] == milliseconds else 0)
        return _last[1] & 0xFFF


def _compose(milliseconds: int, counter: int) -> str:
    time, tail = f"{milliseconds:012x}", _random.take()
    return f"{time[:8]}-{time[8:]}-7{counter:03x}-{_VARIANT[tail[0]]}{tail[1:4]}-{tail[4:]}"

"""The framing of server-sent events, read from bytes as they come. No I/O.

https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation, with comments, which the
service uses for positions, and with a bound. `retry` is not heeded: pauses are ours (`retries`).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

LARGEST = 4 * 1024 * 1024
"""Bytes of one event; a job has some thousands."""
_LINE_END = re.compile(rb"\r\n|\n|\r")
_BOM = b"\xef\xbb\xbf"


class TooLarge(ValueError):
    """An event that does not end."""


@dataclass(frozen=True)
class Message:
    """`id` is None where this very event has none."""

    event: str
    data: str
    id: str | None = None


@dataclass(frozen=True)
class Comment:
    text: str


class Decoder:
    """For one connection. What is cut off in the middle never becomes an event."""

    def __init__(self, largest: int = LARGEST) -> None:
        self._largest = largest
        self._line = bytearray()
        self._size = 0
        self._after_return = False
        self._at_start = True
        self._event = ""
        self._id: str | None = None
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> Iterator[Message | Comment]:
        """What became whole with this chunk. Raises TooLarge."""
        if not chunk:
            return
        if self._after_return:
            chunk = chunk.removeprefix(b"\n")  # the other half of a line's end
        self._after_return = chunk.endswith(b"\r")
        *ended, rest = _LINE_END.split(chunk)
        for part in ended:
            self._extend(part)
            line, self._line = bytes(self._line), bytearray()
            yield from self._take(line)
        self._extend(rest)

    def _extend(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > self._largest:
            raise TooLarge(f"an event of more than {self._largest} bytes")
        self._line += part

    def _take(self, line: bytes) -> Iterator[Message | Comment]:
        if self._at_start:
            line, self._at_start = line.removeprefix(_BOM), False
        text = line.decode("utf-8", errors="replace")
        if not text:
            if self._data:
                yield Message(self._event or "message", "\n".join(self._data), self._id)
            self._begin()
        elif text.startswith(":"):
            self._size -= len(line)
            yield Comment(text[1:].removeprefix(" "))
        else:
            self._field(*text.split(":", 1))

    def _field(self, name: str, value: str = "") -> None:
        value = value.removeprefix(" ")
        match name:
            case "data":
                self._data.append(value)
            case "event":
                self._event = value
            case "id" if "\0" not in value:
                self._id = value

    def _begin(self) -> None:
        self._event, self._id, self._data, self._size = "", None, [], 0

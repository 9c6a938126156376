"""What happened, in order: every request and every delivery, one line each, for tests to read as a transcript.

    POST /v2/images/midjourney/action → 202 #3
    #3 progress 20 → 204
    GET /v2/jobs/#3 → 200

`#3` is the third job of this sandbox; its id is in the entry.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Line:
    """`facts` are the entry's further fields; `text` is its line in the transcript."""

    text: str
    facts: dict[str, Any] = field(default_factory=dict)

    def wire(self) -> dict[str, Any]:
        return {"line": self.text, **self.facts}


class Journal:
    def __init__(self, limit: int) -> None:
        self.lines: deque[Line] = deque(maxlen=limit)

    def write(self, text: str, **facts: Any) -> None:
        self.lines.append(Line(text, facts))

    def wire(self) -> dict[str, Any]:
        lines = list(self.lines)
        return {"transcript": [line.text for line in lines], "entries": [line.wire() for line in lines]}

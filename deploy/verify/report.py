"""What was tried, and what came of it: a line each, while it happens."""

import sys
import time
from collections.abc import Callable
from typing import ParamSpec

P = ParamSpec("P")


class Skip(Exception):
    """It cannot be tried here, for a reason in plain words."""


class Wrong(Exception):
    """It was tried, and did not hold."""


class Report:
    def __init__(self) -> None:
        self.counts = {"ok": 0, "wrong": 0, "skipped": 0}

    def step(self, name: str, do: Callable[P, str], *args: P.args, **kwargs: P.kwargs) -> bool:
        """Whether `do` went well; it returns what it saw."""
        started = time.monotonic()
        try:
            word, text = "ok", do(*args, **kwargs)
        except Skip as skip:
            word, text = "skipped", str(skip)
        except Wrong as wrong:
            word, text = "wrong", str(wrong)
        self.counts[word] += 1
        first, *rest = text.splitlines() or [""]
        print(f"{word:8} {name:22} {first}  ({time.monotonic() - started:.1f} s)")
        for line in rest:
            print(f"{'':31} {line}")
        sys.stdout.flush()
        return word == "ok"

    def end(self) -> int:
        """The exit code."""
        print(", ".join(f"{count} {word}" for word, count in self.counts.items()))
        return 1 if self.counts["wrong"] else 0

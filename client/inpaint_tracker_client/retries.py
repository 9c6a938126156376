"""When a request is sent again, and after how long. Every call is safe to repeat: a submission carries its key.

No answer, 429, 502, 503 and 504 are tried again. The pause doubles with each try, with jitter, and is never shorter
than the service's `Retry-After`; one that asks for more than `LONGEST` seconds is left to the caller.
"""

import random
import sys
import time
from dataclasses import dataclass
from typing import Any

from inpaint_tracker_client.answers import Reply, retry_after
from inpaint_tracker_client.calls import Call
from inpaint_tracker_client.errors import Unavailable

AGAIN = frozenset({429, 502, 503, 504})
FIRST, GROWTH_ENDS, LONGEST = 0.5, 8.0, 60.0


@dataclass(frozen=True)
class Silence:
    """There was no answer, or not all of it. `reason` is for people."""

    reason: str


class Attempts:
    """One call's tries. The shell waits `pause` seconds, sends, and asks `settled` until that gives a reply.

    `url` is for people: where the service should be.
    """

    def __init__(self, call: Call[Any], retries: int, url: str) -> None:
        self.pause = call.after
        self._until = call.until
        self._retries = retries
        self._url = url
        self._made = 0

    def settled(self, outcome: Reply | Silence) -> Reply | None:
        """The reply to read, or None to try again. Raises Unavailable when there was none, for the last time."""
        if isinstance(outcome, Reply) and outcome.status not in AGAIN:
            return outcome
        self._made += 1
        asked = retry_after(outcome) or 0.0 if isinstance(outcome, Reply) else 0.0
        self.pause = max(asked, self._backoff())
        if self._may_go_on(asked):
            return None
        if isinstance(outcome, Silence):
            times = "1 attempt" if self._made == 1 else f"{self._made} attempts"
            raise Unavailable(f"no answer from {self._url} after {times}: {outcome.reason}")
        return outcome

    def begin_anew(self) -> None:
        """It goes well: the next pause is the shortest."""
        self._made = 0

    def go_on_for_ever(self) -> None:
        """Whoever was reached once comes back."""
        self._retries = sys.maxsize

    def _backoff(self) -> float:
        """Half of it fixed, half of it chance, so that many callers do not return all at once."""
        return min(FIRST * 2.0 ** min(self._made - 1, 10), GROWTH_ENDS) * random.uniform(0.5, 1.0)

    def _may_go_on(self, asked: float) -> bool:
        return self._made <= self._retries and asked <= LONGEST and time.monotonic() + self.pause < self._until

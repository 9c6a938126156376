"""What joins all that is told of a job: the request that made it, and the trace that it is part of.

https://www.w3.org/TR/trace-context/
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

SANE_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,128}")
_TRACEPARENT = re.compile(r"([0-9a-f]{2})-((?!0{32})[0-9a-f]{32})-((?!0{16})[0-9a-f]{16})-([0-9a-f]{2})(-[!-~]*)?")


def read_traceparent(given: Sequence[str]) -> str:
    """As version 00 has it, or '' where nothing is given, more than one, or anything that is not valid.

    A later version is read as far as 00 goes; of the flags the one that 00 knows is kept: whether it is sampled.
    """
    found = _TRACEPARENT.fullmatch(given[0]) if len(given) == 1 else None
    if found is None or found[1] == "ff" or (found[1] == "00" and found[5]):
        return ""
    return f"00-{found[2]}-{found[3]}-0{int(found[4], 16) & 1}"


@dataclass(frozen=True, slots=True)
class Trail:
    """As it lies in the job's record: the request's id, then, where there is one, a blank and the `traceparent`."""

    text: str = ""

    @classmethod
    def of(cls, request_id: str, traceparent: str = "") -> "Trail":
        return cls(f"{request_id} {traceparent}" if traceparent else request_id)

    @property
    def request_id(self) -> str:
        return self.text.partition(" ")[0]

    @property
    def traceparent(self) -> str:
        return self.text.partition(" ")[2]

    @property
    def names(self) -> dict[str, str]:
        """As they stand in a line of the log."""
        if not self.text:
            return {}
        request_id, _, traceparent = self.text.partition(" ")
        names = {"origin": request_id} if request_id else {}
        return {**names, "trace_id": traceparent[3:35]} if traceparent else names


NO_TRAIL = Trail()

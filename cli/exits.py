"""How a command ends."""

from collections.abc import Sequence
from enum import IntEnum


class Exit(IntEnum):
    OK = 0
    FAILED = 1
    """A job failed or was cancelled, or the doctor found a problem."""
    USAGE = 2
    """The command line or a setting is wrong."""
    REFUSED = 3
    """The service refused the request."""
    UNREACHABLE = 4
    """Nobody answers at TRACKER_URL, or it is not well."""
    INTERRUPTED = 130


class Stop(Exception):
    """Ends the command with one line on stderr."""

    def __init__(self, message: str, code: Exit) -> None:
        super().__init__(message)
        self.code = code


def stop_if_any(troubles: Sequence[Stop]) -> None:
    """Raises what went wrong with some of several jobs: a line for each, and the gravest code."""
    if troubles:
        raise Stop("\n".join(map(str, troubles)), max(trouble.code for trouble in troubles))

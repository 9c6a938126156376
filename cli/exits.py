"""How a command ends."""

import signal
import sys
from collections.abc import Sequence
from enum import IntEnum
from types import FrameType


class Exit(IntEnum):
    OK = 0
    FAILED = 1
    """A job failed or was cancelled, or the doctor found a problem."""
    USAGE = 2
    """The command line or a setting is wrong."""
    REFUSED = 3
    """The service refused the request."""
    UNREACHABLE = 4
    """Nobody answers at TRACKER_URL, or it is not well, or something else."""
    OUTPUT = 5
    """What was found cannot be written, as on a full disk."""
    INTERRUPTED = 130
    """By Ctrl-C; like the two below, what a shell says of a program that a signal ended."""
    PIPE = 141
    """Nobody reads on, as in `… | head -1`."""
    TERMINATED = 143


class Stop(Exception):
    """Ends the command with one line on stderr."""

    def __init__(self, message: str, code: Exit) -> None:
        super().__init__(message)
        self.code = code


class Interrupted(BaseException):
    """SIGINT or SIGTERM has come. No Exception: nothing on its way takes it for an error."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.code = Exit(128 + number)


def stop_if_any(troubles: Sequence[Stop]) -> None:
    """Raises what went wrong with some of several jobs: a line for each, and the gravest code."""
    if troubles:
        raise Stop("\n".join(map(str, troubles)), max(trouble.code for trouble in troubles))


def heed_signals() -> None:
    """From here on both are Interrupted, wherever the command is."""
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)


def run_until_told() -> None:
    """For a process that is there to be ended: SIGTERM is a wish, and no failure.

    As pid 1 it would not see the signal without a handler, and uvicorn raises it again once it has stopped.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(Exit.OK))


def _interrupt(number: int, _: FrameType | None) -> None:
    raise Interrupted(number)

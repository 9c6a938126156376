"""What the doctor says."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"
    """It works; something is at risk, or less good than it could be."""
    PROBLEM = "problem"
    """Jobs are not served as they should be until it is mended."""


@dataclass(frozen=True)
class Finding:
    """`message` says what is; `remedy` what to do, empty where all is well. Neither ever holds a secret."""

    check: str
    level: Level
    message: str
    remedy: str = ""


def ok(check: str, message: str) -> Finding:
    return Finding(check, Level.OK, message)


def warning(check: str, message: str, remedy: str) -> Finding:
    return Finding(check, Level.WARNING, message, remedy)


def problem(check: str, message: str, remedy: str) -> Finding:
    return Finding(check, Level.PROBLEM, message, remedy)

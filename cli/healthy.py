"""`inpaint-tracker healthy`: the health check of a container, in some hundredths of a second; see `cli.start`."""

import os
import sys
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection, HTTPException

from tracker import signs

SECONDS = 4
ANYWHERE = ("", "0.0.0.0", "::")  # noqa: S104  # what is compared with, not listened on
"""Whoever listens there is asked at home."""


def _serves(host: str, port: str, path: str) -> bool:
    try:
        with closing(HTTPConnection("127.0.0.1" if host in ANYWHERE else host, int(port), timeout=SECONDS)) as http:
            http.request("GET", path)
            return http.getresponse().status == 200
    except (OSError, ValueError, HTTPException):
        return False


def _service() -> bool:
    return _serves(os.environ.get("HOST", ""), os.environ.get("PORT") or "8000", "/healthz")


def _sandbox() -> bool:
    return _serves("", "9000", "/sandbox/mischief")


CHECKS: dict[str, Callable[[], bool]] = {"worker": signs.is_recent, "serve": _service, "sandbox": _sandbox}


def check(process: str | None = None) -> int:
    """The exit code. Without a name, whichever runs here must be well."""
    if process is not None and process not in CHECKS:
        print(f"healthy: expected one of {', '.join(CHECKS)}.", file=sys.stderr)
        return 2
    names = [process] if process else list(CHECKS)
    if any(CHECKS[name]() for name in names):
        return 0
    print(f"Not well: {' nor '.join(names)}.", file=sys.stderr)
    return 1

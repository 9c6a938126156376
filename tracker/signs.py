"""A worker's sign of life: a file that its event loop touches, so that a look at it asks neither Redis nor the worker.

Redis being away is no reason to start a worker anew. Several on one machine share the file, each container has its own.
"""

import os
import tempfile
import time
from pathlib import Path

EVERY_SECONDS = 5.0
RECENT_SECONDS = 60.0
"""Longer than a worker tries to reach Redis before it says that it is interrupted."""


def place() -> Path:
    return Path(tempfile.gettempdir()) / "inpaint-tracker-worker.alive"


def give() -> None:
    """Raises OSError where nothing can be written, or the file is somebody else's."""
    os.close(os.open(place(), os.O_WRONLY | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600))
    os.utime(place(), follow_symlinks=False)


def is_recent() -> bool:
    """Whether any worker here has given a sign in the last `RECENT_SECONDS`."""
    try:
        return time.time() - place().lstat().st_mtime < RECENT_SECONDS
    except OSError:
        return False

"""The helper's own side: python -m service.aside.helper, with a socket as its standard input.

It reads submissions until that is closed, whatever signals come: whoever started it says when it is over.
"""

import os
import signal
import socket
import threading
import traceback
from threading import Lock, Thread
from typing import Any

from service.aside.wire import Head, framed, read, refused, told
from service.submissions import read_submission
from tracker.errors import TrackerError

AT_ONCE = 2
"""Masks: each may take some hundred megabytes for a moment."""
NICE = 10
"""Where there is no policy for whoever comes last."""


def comes_last(pid: int = 0) -> bool:
    """Whoever else wakes up is served before this process, and what it starts, from now on; 0 is our own. False where
    that cannot be had."""
    try:
        os.sched_setscheduler(pid, os.SCHED_IDLE, os.sched_param(0))
    except (AttributeError, OSError):
        return False
    return True


def main() -> None:
    if comes_last():
        threading.setprofile(_make_way)
    else:
        os.nice(NICE)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    with socket.socket(fileno=0) as line, line.makefile("rb") as stream:
        turn = Lock()
        while asked := read(stream):
            Thread(target=_judge, args=(line, turn, *asked)).start()


def _make_way(*_: Any) -> None:
    """Before each call and after it, that of a function in C as well. Where something of the system's own interrupts
    the service for a moment, Linux (6.18) may go on with whoever comes last, and with him it stays until its clock
    ticks: the service would wait for 4 ms."""
    os.sched_yield()


def _judge(line: socket.socket, turn: Lock, asked: Head, body: bytes) -> None:
    head, data = _said(asked["type"], body)
    with turn:
        for part in framed({**head, "id": asked["id"]}, [data]):
            line.sendall(part)


def _said(content_type: str, body: bytes) -> tuple[Head, bytes]:
    try:
        return told(read_submission(content_type, body))
    except TrackerError as error:
        return refused(error), b""
    except Exception:  # noqa: BLE001  # the service tells it
        return {"failed": traceback.format_exc()}, b""


if __name__ == "__main__":
    main()

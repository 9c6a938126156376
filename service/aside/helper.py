"""The helper's own side: python -m service.aside.helper, with a socket as its standard input.

It reads submissions until that is closed, whatever signals come: whoever started it says when it is over.
"""

import os
import signal
import socket
import sys
import traceback
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from threading import Lock

from service.aside.wire import Head, framed, read, refused, told
from service.submissions import read_submission
from tracker.errors import TrackerError
from tracker.submission import Submission

AT_ONCE = 2
"""Masks: each may take some hundred megabytes for a moment."""


NICE = 10
"""Whoever else wakes up is served at once; while nobody sleeps, a tenth of a processor is left."""


def give_way() -> None:
    """For the calling thread and what it starts, under Linux; elsewhere for the whole process."""
    os.nice(NICE)


def main() -> None:
    if sys.platform != "linux":  # there, whoever started this had a thread that did
        give_way()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    with socket.socket(fileno=0) as line, line.makefile("rb") as stream, ThreadPoolExecutor(AT_ONCE) as pool:
        turn = Lock()
        while asked := read(stream):
            (head, body) = asked
            judged = pool.submit(read_submission, head["type"], body)
            judged.add_done_callback(partial(_answer, line, turn, head["id"]))


def _answer(line: socket.socket, turn: Lock, number: int, judged: Future[Submission]) -> None:
    head, data = _said(judged)
    with turn:
        for part in framed({**head, "id": number}, [data]):
            line.sendall(part)


def _said(judged: Future[Submission]) -> tuple[Head, bytes]:
    match judged.exception():
        case None:
            return told(judged.result())
        case TrackerError() as error:
            return refused(error), b""
        case failure:
            return {"failed": "".join(traceback.format_exception(failure))}, b""


if __name__ == "__main__":
    main()

"""When the process is asked to stop, what is held open is let go at once.

uvicorn ends the lifespan only when every answer is over, which a stream is not for as long as somebody listens.
"""

import asyncio
import signal
import threading
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from types import FrameType

Handler = Callable[[int, FrameType | None], object]


def at_stop_signal(stack: AsyncExitStack, act: Callable[[], None]) -> None:
    """Calls `act` in the running loop at SIGTERM or SIGINT, before whoever handles them now; until the stack closes."""
    if threading.current_thread() is not threading.main_thread():
        return  # only there can signals be listened for
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        before = signal.getsignal(number)
        if callable(before):  # else nobody here stops gracefully
            _put_before(stack, number, before, lambda: loop.call_soon_threadsafe(act))


def _put_before(stack: AsyncExitStack, number: int, before: Handler, call: Callable[[], object]) -> None:
    def ours(signum: int, frame: FrameType | None) -> None:
        with suppress(RuntimeError):  # the loop is closed already
            call()
        before(signum, frame)

    def restore() -> None:
        if signal.getsignal(number) is ours:
            signal.signal(number, before)

    signal.signal(number, ours)
    stack.callback(restore)

"""Submissions are read beside the event loop, so that no webhook waits for a mask.

In a process of the lowest priority, which is started for the first of them and kept: of the 10 ms that a mask of 1 MB
takes, most would hold Python's lock, and all of them the processor. One that crashes is started anew. A tiny one, which
has no room for much of a picture, is read in a thread.
"""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import count

import structlog
from anyio import CapacityLimiter, to_thread

from service.aside.helper import AT_ONCE, comes_last
from service.aside.wire import Head, framed, receive, understood
from service.submissions import read_submission
from tracker.errors import Unavailable
from tracker.submission import Submission

COMMAND = (sys.executable, "-P", "-m", "service.aside.helper")
TINY = 2 * 1024
STOP_SECONDS = 5.0
PATIENCE = 5.0
"""Seconds that the helper has for a mask; the largest takes two of a processor's."""
PASSED_OVER = 30.0
"""Seconds in which it is not asked again after it had no time: the processors have no rest, and it comes last."""
KEEPING = {"MALLOC_TRIM_THRESHOLD_": str(16 * 1024 * 1024), "MALLOC_MMAP_THRESHOLD_": str(4 * 1024 * 1024)}
"""glibc would give each mask's memory back and fetch it again for the next, which is a third of what a mask takes."""
log = structlog.get_logger()
_Answer = asyncio.Future[tuple[Head, bytes]]


class Judges:
    def __init__(self, command: Sequence[str] = COMMAND) -> None:
        """`command` starts the helper."""
        self._command = command
        self._in_threads, self._in_helper = CapacityLimiter(AT_ONCE), CapacityLimiter(AT_ONCE)
        self._starting = asyncio.Lock()
        self._helper: Helper | None = None
        self._asked_again_at = 0.0

    @property
    def pid(self) -> int | None:
        """Of the helper, once it was started."""
        return self._helper.pid if self._helper else None

    async def read(self, content_type: str, body: Sequence[bytes]) -> Submission:
        """A body in as many parts as it came in. Raises what `read_submission` does, and Unavailable where it was the
        end of the helper, twice."""
        if sum(map(len, body)) > TINY and (said := await self._by_helper(content_type, body)):
            return understood(*said)
        return await self._in_thread(content_type, body)

    async def _by_helper(self, content_type: str, body: Sequence[bytes]) -> tuple[Head, bytes] | None:
        """None where a thread has to read it."""
        loop = asyncio.get_running_loop()
        try:
            async with self._in_helper:
                if loop.time() < self._asked_again_at:
                    return None
                async with asyncio.timeout(PATIENCE):
                    return await self._asked(content_type, body)
        except TimeoutError:
            self._asked_again_at = loop.time() + PASSED_OVER
            log.warning("the helper has had no time for a mask: threads read them for a while", seconds=PASSED_OVER)
        except ConnectionError:
            raise Unavailable("The mask could not be read just now; send it again.") from None
        except OSError as error:  # no process can be started here, or none now
            log.warning("no helper can be started: a thread reads the mask", error=str(error))
        return None

    async def _in_thread(self, content_type: str, body: Sequence[bytes]) -> Submission:
        return await to_thread.run_sync(read_submission, content_type, b"".join(body), limiter=self._in_threads)

    async def _asked(self, content_type: str, body: Sequence[bytes]) -> tuple[Head, bytes]:
        """Raises ConnectionError where it was the end of the helper, twice."""
        try:
            return await (await self._running()).ask(content_type, body)
        except ConnectionError:
            log.warning("the helper that reads masks has ended; another is started")
            return await (await self._running()).ask(content_type, body)

    async def _running(self) -> "Helper":
        async with self._starting:
            if self._helper and self._helper.ended:
                await self._helper.close()
                self._helper = None
            self._helper = self._helper or await start(self._command)
            return self._helper

    async def close(self) -> None:
        if self._helper:
            await self._helper.close()


class Helper:
    """The process, as long as it lives."""

    def __init__(
        self, process: subprocess.Popen[bytes], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._process = process
        self._writer = writer
        self._numbers = count()
        self._waiting: dict[int, _Answer] = {}
        self._listening = asyncio.create_task(self._listen(reader))

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def ended(self) -> bool:
        return self._listening.done()

    async def ask(self, content_type: str, body: Sequence[bytes]) -> tuple[Head, bytes]:
        """Raises ConnectionError where the process ends before it has answered."""
        if self.ended:
            raise ConnectionResetError
        number, answer = next(self._numbers), _Answer()
        self._waiting[number] = answer
        for part in framed({"id": number, "type": content_type}, body):
            self._writer.write(part)
        return await answer

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                head, data = await receive(reader)
                answer = self._waiting.pop(head["id"])
                if not answer.done():  # whoever asked may have gone
                    answer.set_result((head, data))
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(ConnectionResetError())

    async def close(self) -> None:
        """It ends by itself once nobody can ask it any more."""
        self._writer.close()
        await to_thread.run_sync(self._end)
        await self._listening

    def _end(self) -> None:
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


async def start(command: Sequence[str]) -> Helper:
    ours, theirs = socket.socketpair()
    with ExitStack() as unless_started, theirs:
        unless_started.enter_context(ours)
        process = await to_thread.run_sync(_spawned, command, theirs)
        unless_started.pop_all()
    ours.setblocking(False)
    return Helper(process, *await asyncio.open_connection(sock=ours))


def _spawned(command: Sequence[str], line: socket.socket) -> subprocess.Popen[bytes]:
    """It comes last from its first moments on, in which it reads its modules. Not from a thread that comes last itself:
    one that holds Python's lock, and gets no processor, would hold up the service."""
    process = subprocess.Popen(command, stdin=line.fileno(), stdout=subprocess.DEVNULL, env=_surroundings())
    comes_last(process.pid)
    return process


def _surroundings() -> dict[str, str]:
    """No secret of ours, and the same modules."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, **KEEPING, "PYTHONPATH": os.pathsep.join(sys.path)}

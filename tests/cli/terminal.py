"""A command on a terminal of its own: what it writes there, and what is left on the screen."""

import asyncio
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.cli.command import NOWHERE
from tests.door import KEYS
from tests.processes import environment
from tests.town import Town

_CODE = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])")


@dataclass
class Terminal:
    process: "subprocess.Popen[bytes]"
    ours: int
    written: bytes = b""

    async def until(self, enough: Callable[[list[str]], bool], seconds: float = 20) -> list[str]:
        """The lines that are on the screen, once they are enough."""
        until = time.monotonic() + seconds
        while not enough(lines := self.screen()):
            assert time.monotonic() < until, "\n".join(lines)
            assert await self._more(), "\n".join(lines)
        return lines

    async def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Its exit code."""
        self.process.send_signal(number)
        return await self.end()

    async def end(self) -> int:
        while await self._more():
            pass
        return await asyncio.to_thread(self.process.wait, 20)

    def screen(self) -> list[str]:
        return screen_of(self.written.decode(errors="replace"))

    async def _more(self) -> bytes:
        try:
            chunk = await asyncio.to_thread(os.read, self.ours, 65536)
        except OSError:  # Linux says that the other side has closed with EIO
            return b""
        self.written += chunk
        return chunk


def screen_of(written: str) -> list[str]:
    """As far as our commands go: lines, and a cursor that goes up and deletes."""
    lines, row, at = [""], 0, 0
    for text, code in _pieces(written):
        if code == "A":
            row = max(0, row - int(text or 1))
        elif code == "K":
            lines[row], at = "", 0
        elif code == "\n":
            row, at = row + 1, 0
            if row == len(lines):
                lines.append("")
        elif code == "\r":
            at = 0
        elif not code:
            lines[row] = lines[row][:at].ljust(at) + text + lines[row][at + len(text) :]
            at += len(text)
    return [line.rstrip() for line in lines if line.strip()]


def _pieces(written: str) -> list[tuple[str, str]]:
    """Text, and what moves the cursor; colours are left out."""
    found: list[tuple[str, str]] = []
    for part in re.split(r"(\x1b\[[0-9;?]*[A-Za-z]|\n|\r)", written):
        if code := _CODE.fullmatch(part):
            found.append((code[1], code[2]))
        else:
            found.append(("", part) if part in ("\n", "\r") else (part, ""))
    return [one for one in found if one[1] not in ("m", "h", "l")]


@asynccontextmanager
async def on_terminal(
    here: Town | str, *arguments: str, columns: int = 80, rows: int = 24, key: str = KEYS["editor"][0]
) -> AsyncIterator[Terminal]:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    url = here if isinstance(here, str) else str(here.settings.public_url)
    given = {"HOME": NOWHERE, "TERM": "xterm", "TRACKER_API_KEY": key, "TRACKER_URL": url}
    env = {**environment("unix:///none"), **given}
    command = [sys.executable, "-m", "cli", *arguments]
    process = await asyncio.to_thread(subprocess.Popen, command, env=env, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(ours)

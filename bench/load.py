"""Sends requests that were made beforehand, and says how long each took: python -m bench.load FILE PORT [PORT …].

A process of its own on bare epoll, so that it is not what is measured: it spends a few microseconds a request, tells
how much of its processor it used, and interrupts nobody who shares that. Without a rate each connection sends as soon
as it is answered. With one, requests are due at fixed times and a latency runs from the time at which the request was
due: who falls behind is seen to. It says when it is connected, and begins at a line; what comes out at the end is an
`Answered` as JSON.
"""

import argparse
import asyncio
import gc
import json
import os
import pickle
import select
import socket
import sys
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import quantiles
from subprocess import PIPE
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # whoever only sends is there sooner without
    from bench.traffic import Request

CONNECTIONS = 64
PIECE = 65536
"""Bytes that go out at once: a megabyte would hold the processor in the system, as no network does."""
PATIENCE = 60.0
"""Seconds without any answer after which nothing more is waited for."""
READY = b"ready\n"
TAKEN = frozenset({b"200", b"202", b"204"})


@dataclass(frozen=True)
class Answered:
    """Latencies in seconds, of requests that were not forged. `wrong` counts, by status, what should have been taken
    and was not, or was forged and taken. `busy` is the share of a processor that the sender used."""

    taken: int
    refused: int
    wrong: dict[str, int]
    seconds: float
    p50: float
    p99: float
    busy: float

    @property
    def rate(self) -> float:
        """Requests a second."""
        return (self.taken + self.refused) / self.seconds


@dataclass(frozen=True)
class Sending:
    """A sender that is connected, and waits for the word."""

    process: asyncio.subprocess.Process

    async def answered(self) -> Answered:
        said, _ = await self.process.communicate(b"\n")
        return Answered(**json.loads(said))


async def prepared(
    requests: "Sequence[Request]", ports: Sequence[int], rate: float = 0.0, connections: int = CONNECTIONS,
    last: bool = False,
) -> Sending:  # fmt: skip
    """`rate` a second in all, 0 for as many as possible. `last`: it gives way to whoever else wants its processor."""
    with NamedTemporaryFile(prefix="bench-") as file:
        file.write(pickle.dumps([(request.data, request.forged) for request in requests]))
        file.flush()
        line = [file.name, *map(str, ports), "--rate", str(rate), "--connections", str(connections)]
        line += ["--last"] * last
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.load", *line, stdin=PIPE, stdout=PIPE
        )
        assert process.stdout
        assert await process.stdout.readline() == READY
    return Sending(process)


async def load(*args: Any, **options: Any) -> Answered:
    """As `prepared`, and off it goes."""
    return await (await prepared(*args, **options)).answered()


class Line:
    """A connection that carries one request at a time: `number` of the request, and when it was due."""

    __slots__ = ("due", "number", "recv", "send", "so_far", "socket", "unsent")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.send, self.recv = self.socket.send, self.socket.recv
        self.unsent, self.so_far = memoryview(b""), b""
        self.number, self.due = 0, 0.0

    def begin(self, data: bytes) -> bool:
        """True where all of it went out, as all but masks does."""
        sent = self.send(data if len(data) <= PIECE else memoryview(data)[:PIECE])
        if sent == len(data):
            return True
        self.unsent = memoryview(data)[sent:]
        return False

    def go_on(self) -> bool:
        """With what has not gone out yet; True where that was the rest."""
        self.unsent = self.unsent[self.send(self.unsent[:PIECE]) :]
        return not self.unsent

    def receive(self) -> bytes:
        """The status, once the answer is whole; nothing before. Raises ConnectionError."""
        data = self.recv(65536)
        if not data:
            raise ConnectionResetError("closed before it had answered")
        if self.so_far:
            data = self.so_far + data
        if not is_whole(data):
            self.so_far = data
            return b""
        self.so_far = b""
        return data[9:12]


def is_whole(answer: bytes) -> bool:
    """Every server here tells the length of what follows the head, or nothing does."""
    end = answer.find(b"\r\n\r\n")
    if end < 0:
        return False
    at = answer.find(b"\r\ncontent-length: ", 0, end)
    if at < 0:
        at = answer.find(b"\r\nContent-Length: ", 0, end)
    return len(answer) == end + 4 + (int(answer[at + 18 : answer.find(b"\r", at + 18)]) if at >= 0 else 0)


class Asker:
    """One connection, one question at a time."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.close = self._socket.close

    def ask(self, data: bytes) -> float:
        """Seconds until the answer was there."""
        began, answer = time.perf_counter(), b""
        self._socket.sendall(data)
        while not is_whole(answer):
            if not (more := self._socket.recv(65536)):
                raise ConnectionResetError("closed before it had answered")
            answer += more
        assert answer[9:12] == b"200", answer
        return time.perf_counter() - began


class Sender:
    def __init__(self, requests: Sequence[tuple[bytes, bool]], ports: Sequence[int], rate: float, lines: int) -> None:
        self._data, self._forged = [data for data, _ in requests], [forged for _, forged in requests]
        self._rate = rate
        self._next = 0
        self._idle = deque(Line(ports[n % len(ports)]) for n in range(lines))
        self._lines = {line.socket.fileno(): line for line in self._idle}
        self._epoll = select.epoll()
        for number in self._lines:
            self._epoll.register(number, select.EPOLLIN)
        self._taken: list[float] = []
        self._refused, self._wrong = 0, Counter[str]()

    def run(self) -> Answered:
        began, used = time.perf_counter(), time.process_time()
        missing = self._at_the_rate(began) if self._rate else self._as_fast_as_it_goes()
        seconds, used = time.perf_counter() - began, time.process_time() - used
        if missing:
            self._wrong["unanswered"] = missing
        cuts = quantiles(self._taken if len(self._taken) > 1 else [0.0, *self._taken, 0.0], n=100)
        return Answered(len(self._taken), self._refused, dict(self._wrong), seconds, cuts[49], cuts[98], used / seconds)

    def _as_fast_as_it_goes(self) -> int:
        """Each connection sends as soon as it is answered. How many were not answered."""
        left = len(self._data)
        while self._idle and self._next < len(self._data):
            self._begin(self._idle.popleft(), time.perf_counter())
        while left and (ready := self._epoll.poll(PATIENCE)):
            for number, event in ready:
                line = self._lines[number]
                if self._hear(line, event):
                    left -= 1
                    if self._next < len(self._data):
                        self._begin(line, time.perf_counter())
        return left

    def _at_the_rate(self, began: float) -> int:
        """Whoever is idle sends what is due. How many were not answered."""
        left = len(self._data)
        while left:
            pause = self._send_what_is_due(began)
            ready, _, _ = select.select([self._epoll], [], [], pause)  # epoll's own wait knows whole milliseconds only
            if not ready and pause == PATIENCE:
                break
            for number, event in self._epoll.poll(0):
                if self._hear(line := self._lines[number], event):
                    left -= 1
                    self._idle.append(line)
        return left

    def _send_what_is_due(self, began: float) -> float:
        """Seconds until the next is due, as far as a connection is idle."""
        now = time.perf_counter()
        while self._idle and self._next < len(self._data):
            due = began + self._next / self._rate
            if due > now:
                return due - now
            self._begin(self._idle.popleft(), due)
        return PATIENCE

    def _begin(self, line: Line, due: float) -> None:
        line.number, line.due = self._next, due
        self._next += 1
        if not line.begin(self._data[line.number]):
            self._epoll.modify(line.socket, select.EPOLLIN | select.EPOLLOUT)

    def _hear(self, line: Line, event: int) -> bool:
        """True where a request has its answer."""
        if event & select.EPOLLOUT and line.go_on():
            self._epoll.modify(line.socket, select.EPOLLIN)
        if event == select.EPOLLOUT or not (status := line.receive()):
            return False
        if status in TAKEN and not self._forged[line.number]:
            self._taken.append(time.perf_counter() - line.due)
        else:
            self._note(self._forged[line.number], status.decode())
        return True

    def _note(self, forged: bool, status: str) -> None:
        if forged and status in ("401", "429"):  # who forges too often is told to wait
            self._refused += 1
        else:
            self._wrong[f"{status} for {'a forged' if forged else 'a genuine'} one"] += 1


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("ports", type=int, nargs="+")
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    parser.add_argument("--last", action="store_true")
    given = parser.parse_args()
    if sys.platform == "linux":
        os.sched_setscheduler(0, os.SCHED_IDLE if given.last else os.SCHED_BATCH, os.sched_param(0))
    sender = Sender(pickle.loads(given.file.read_bytes()), given.ports, given.rate, given.connections)
    gc.disable()  # nothing here goes in circles
    sys.stdout.buffer.write(READY)
    sys.stdout.flush()
    sys.stdin.readline()
    sys.stdout.write(json.dumps(asdict(sender.run())))


if __name__ == "__main__":
    main()

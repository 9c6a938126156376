"""Sends requests that were made beforehand, and says how long each took: python -m bench.load FILE PORT [PORT …].

A process of its own on bare epoll, so that it is not what is measured: it spends a few microseconds a request, and
tells how much of its processor it used. Without a rate each connection sends as soon as it is answered. With one,
requests are due at fixed times and a latency runs from the time at which the request was due: who falls behind is seen
to. `requests_file` writes FILE; what comes out is an `Answered` as JSON.
"""

import argparse
import asyncio
import gc
import json
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
from tempfile import NamedTemporaryFile

from bench.traffic import Request

CONNECTIONS = 64
PATIENCE = 60.0
"""Seconds without any answer after which nothing more is waited for."""


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


async def load(
    requests: Sequence[Request], ports: Sequence[int], rate: float = 0.0, connections: int = CONNECTIONS
) -> Answered:
    """`rate` a second in all, 0 for as many as possible."""
    with NamedTemporaryFile(prefix="bench-") as file:
        file.write(pickle.dumps([(request.data, request.forged) for request in requests]))
        file.flush()
        line = [file.name, *map(str, ports), "--rate", str(rate), "--connections", str(connections)]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bench.load", *line, stdout=asyncio.subprocess.PIPE
        )
        said, _ = await process.communicate()
    return Answered(**json.loads(said))


class Line:
    """A connection that carries one request at a time."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.unsent = memoryview(b"")
        self.received = b""
        self.number = 0

    def begin(self, number: int, data: bytes) -> bool:
        """True where all of it went out."""
        self.number, self.unsent = number, memoryview(data)
        return self.send()

    def send(self) -> bool:
        try:
            self.unsent = self.unsent[self.socket.send(self.unsent) :]
        except BlockingIOError:
            return False
        return not self.unsent

    def receive(self) -> int:
        """The status, once the answer is whole; 0 before. Raises ConnectionError."""
        data = self.socket.recv(65536)
        if not data:
            raise ConnectionResetError("closed before it had answered")
        self.received += data
        end = self.received.find(b"\r\n\r\n")
        if end < 0 or len(self.received) < end + 4 + _length(self.received[:end]):
            return 0
        status, self.received = int(self.received[9:12]), b""
        return status


def _length(head: bytes) -> int:
    """Of the body that follows; every server here tells it, or has none."""
    _, found, rest = head.lower().partition(b"\r\ncontent-length:")
    return int(rest.partition(b"\r\n")[0]) if found else 0


class Sender:
    def __init__(self, requests: Sequence[tuple[bytes, bool]], ports: Sequence[int], rate: float, lines: int) -> None:
        self._requests = requests
        self._rate = rate
        self._next = 0
        self._idle = deque(Line(ports[n % len(ports)]) for n in range(lines))
        self._lines = {line.socket.fileno(): line for line in self._idle}
        self._epoll = select.epoll()
        for number in self._lines:
            self._epoll.register(number, select.EPOLLIN)
        self._due = [0.0] * len(requests)
        self._taken: list[float] = []
        self._refused, self._wrong = 0, Counter[str]()

    def run(self) -> Answered:
        began, used = time.perf_counter(), time.process_time()
        answered = 0
        while answered < len(self._requests):
            pause = self._send_what_is_due(began)
            ready, _, _ = select.select([self._epoll], [], [], pause)  # epoll's own wait knows whole milliseconds only
            if not ready and pause == PATIENCE:
                self._wrong["unanswered"] = len(self._requests) - answered
                break
            answered += sum(self._hear(number, event) for number, event in self._epoll.poll(0))
        seconds, used = time.perf_counter() - began, time.process_time() - used
        cuts = quantiles(self._taken or [0.0, 0.0], n=100)
        return Answered(len(self._taken), self._refused, dict(self._wrong), seconds, cuts[49], cuts[98], used / seconds)

    def _send_what_is_due(self, began: float) -> float:
        """Seconds until the next is due, as far as a connection is idle."""
        now = time.perf_counter()
        while self._idle and self._next < len(self._requests):
            due = began + self._next / self._rate if self._rate else now
            if due > now:
                return due - now
            self._due[self._next] = due
            self._begin(self._idle.popleft())
        return PATIENCE

    def _begin(self, line: Line) -> None:
        number, self._next = self._next, self._next + 1
        if not line.begin(number, self._requests[number][0]):
            self._epoll.modify(line.socket, select.EPOLLIN | select.EPOLLOUT)

    def _hear(self, number: int, event: int) -> bool:
        """True where a request has its answer."""
        line = self._lines[number]
        if event & select.EPOLLOUT and line.send():
            self._epoll.modify(number, select.EPOLLIN)
        if not event & ~select.EPOLLOUT:
            return False
        status = line.receive()
        if status:
            self._note(line.number, status)
            self._idle.append(line)
        return bool(status)

    def _note(self, number: int, status: int) -> None:
        forged = self._requests[number][1]
        if forged and status in (401, 429):  # who forges too often is told to wait
            self._refused += 1
        elif not forged and 200 <= status < 300:
            self._taken.append(time.perf_counter() - self._due[number])
        else:
            self._wrong[f"{status} for {'a forged' if forged else 'a genuine'} one"] += 1


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("ports", type=int, nargs="+")
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    given = parser.parse_args()
    sender = Sender(pickle.loads(given.file.read_bytes()), given.ports, given.rate, given.connections)
    gc.disable()  # nothing here goes in circles
    sys.stdout.write(json.dumps(asdict(sender.run())))


if __name__ == "__main__":
    main()

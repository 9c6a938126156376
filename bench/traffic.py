"""Webhooks as upstream sends them, signed beforehand, and how each job must stand when all have come.

The same seed gives the same lives, of jobs that are new. A job has 18 words of progress and one end; some come twice,
some in the wrong order, and among them are forged ones: ends of genuine jobs, signed with somebody else's key.
"""

import hashlib
import hmac
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from time import time_ns
from uuid import UUID

from tests.door import UPSTREAM_KEY

STEPS = 18
TWICE, SWAPPED, FAILS, FORGED = 0.05, 0.05, 0.08, 0.02
"""Shares: of deliveries that come twice, or before the one that was sent before; of jobs that fail; of forged ones."""
DELIVERIES = 20.3
"""A job, about, with those."""
UNDER_WAY = 100
"""Jobs that run at the same time."""
NOW = time_ns() // 1_000_000
_SECRET = hashlib.sha256(UPSTREAM_KEY.encode()).hexdigest().encode()


@dataclass(frozen=True)
class Request:
    """`data` is a whole HTTP request. A forged one must be refused, any other taken."""

    data: bytes
    forged: bool = False


@dataclass(frozen=True)
class End:
    """How a job must stand: `says` is the address of the grid, or upstream's error."""

    status: str
    progress: int | None
    says: str


@dataclass(frozen=True)
class Traffic:
    """`ends` by our job's id; `upstream` has upstream's id of each."""

    requests: tuple[Request, ...]
    upstream: dict[str, str]
    ends: dict[str, End]

    @property
    def deliveries(self) -> Iterator[tuple[str, str, bytes]]:
        """Of genuine ones: the job's id, the signature, the body."""
        for request in self.requests:
            head, _, body = request.data.partition(b"\r\n\r\n")
            path, signature = head.split(b" ", 2)[1], head.partition(b"X-Webhook-Signature: ")[2].partition(b"\r\n")[0]
            if not request.forged:
                yield path.rpartition(b"/")[2].decode(), signature.decode(), body


def traffic(jobs: int = 1_000, seed: int = 6) -> Traffic:
    """About twenty deliveries a job."""
    chance = random.Random(seed)
    upstream = {_uuid(chance, 7): _uuid(chance, 4) for _ in range(jobs)}
    lives = {job_id: _life(up, chance) for job_id, up in upstream.items()}
    ends = {job_id: _end(life[-1]) for job_id, life in lives.items()}
    sent = _together([[(job_id, word) for word in _sent(life, chance)] for job_id, life in lives.items()], chance)
    return Traffic(tuple(_requests(sent, chance)), upstream, ends)


def _uuid(chance: random.Random, version: int) -> str:
    """Ours begin with a time, of the last hour in these."""
    time = NOW - chance.randrange(3_600_000) if version == 7 else chance.getrandbits(48)
    return str(UUID(int=time << 80 | version << 76 | chance.getrandbits(12) << 64 | 2 << 62 | chance.getrandbits(62)))


Word = dict[str, object]


def _life(up: str, chance: random.Random) -> list[Word]:
    steps = sorted(chance.sample(range(1, 100), STEPS))
    progress: list[Word] = [
        {"event": "progress", "jobId": up, "status": "PROCESSING", "progress": step, "model": "midjourney"}
        for step in steps
    ]
    return [*progress, _failed(up) if chance.random() < FAILS else _completed(up)]


def _completed(up: str) -> Word:
    address = f"https://cdn2.apiframe.ai/images/{up}"
    result = {"images": [f"{address}-{n}.png" for n in range(1, 5)], "gridUrl": f"{address}-grid.png"}
    return {
        "event": "completed", "jobId": up, "status": "COMPLETED", "progress": 100, "model": "midjourney",
        "result": result, "creditCost": 16,
    }  # fmt: skip


def _failed(up: str) -> Word:
    error = f"Provider returned an error: content policy violation ({up[:8]})"
    return {"event": "failed", "jobId": up, "status": "FAILED", "progress": 0, "model": "midjourney", "error": error}


def _end(last: Word) -> End:
    match last:
        case {"result": {"gridUrl": str(grid)}}:
            return End("COMPLETED", 100, grid)
        case _:
            return End("FAILED", None, str(last["error"]))


def _sent(life: list[Word], chance: random.Random) -> list[Word]:
    """In the order in which they come."""
    order = list(life)
    for n in range(1, len(order)):
        if chance.random() < SWAPPED:
            order[n - 1], order[n] = order[n], order[n - 1]
    return [word for one in order for word in (one, one)[: 1 + (chance.random() < TWICE)]]


def _together(lives: list[list[tuple[str, Word]]], chance: random.Random) -> Iterator[tuple[str, Word]]:
    """So many at a time, each at its own pace."""
    waiting = [iter(life) for life in lives]
    running = [waiting.pop() for _ in range(min(UNDER_WAY, len(waiting)))]
    while running:
        at = chance.randrange(len(running))
        if (word := next(running[at], None)) is not None:
            yield word
        elif waiting:
            running[at] = waiting.pop()
        else:
            running.pop(at)


def _requests(sent: Iterator[tuple[str, Word]], chance: random.Random) -> Iterator[Request]:
    for job_id, word in sent:
        yield Request(_http(job_id, word))
        if chance.random() < FORGED:
            yield Request(_http(job_id, _failed(str(word["jobId"])), b"somebody else's key"), forged=True)


def _http(job_id: str, word: Word, secret: bytes = _SECRET) -> bytes:
    body = json.dumps(word, separators=(",", ":")).encode()
    head = (
        f"POST /webhooks/apiframe/{job_id} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
        f"X-Webhook-Event: {word['event']}\r\n"
        f"X-Webhook-Signature: sha256={hmac.new(secret, body, hashlib.sha256).hexdigest()}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body

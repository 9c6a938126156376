"""What is fuzzed: service, worker, stand-in for Apiframe and Redis, each a process; and what is left of them after."""

import json
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from uuid import uuid4

import httpx
from redis.asyncio import Redis

from tests import invariants
from tests.door import UPSTREAM_KEY, key, signed, submission
from tests.fuzz.calls import Place
from tests.processes import Process, environment, free_port
from tests.redis_server import redis_server
from tracker.store.connection import connect

START_SECONDS, END_SECONDS = 30, 20
HEAD_SECONDS = "2"
"""Nobody waits long for what does not come."""


@dataclass(frozen=True)
class Target:
    """`place` is where to call, with what there is to be found."""

    place: Place
    redis_url: str
    service: Process
    worker: Process

    def troubles(self) -> list[str]:
        """What the logs tell of that should never be: errors, tracebacks, a process that is no more."""
        gone = [process.output()[-2000:] for process in (self.service, self.worker) if process.ended]
        return gone + [line for process in (self.service, self.worker) for line in _errors(process.output())]

    async def require_order(self) -> None:
        """Raises AssertionError unless what must hold in Redis holds."""
        redis: Redis
        async with connect(self.redis_url, reply_within=60) as redis:
            await invariants.check(redis)


def _errors(output: str) -> Iterator[str]:
    for line in output.splitlines():
        told = json.loads(line) if line.startswith("{") else {"level": "critical"}
        if told["level"] in ("error", "critical") or re.search("Traceback|Exception", line):
            yield line[:2000]


@contextmanager
def standing(folder: Path) -> Iterator[Target]:
    """All of it, started and ready, and nothing left of it at the end."""
    ports = free_port(), free_port()
    service_url, sandbox_url = (f"http://127.0.0.1:{port}" for port in ports)
    with redis_server(folder) as redis_url, ExitStack() as stack:
        env = environment(
            redis_url, APIFRAME_BASE_URL=sandbox_url, PUBLIC_URL=service_url, LOG_LEVEL="warning",
            REQUEST_TIMEOUT_SECONDS=HEAD_SECONDS, SANDBOX_API_KEYS=UPSTREAM_KEY,
        )  # fmt: skip
        processes = {
            name: Process([sys.executable, "-m", "cli", *command], env, folder / f"{name}.log")
            for name, command in {
                "sandbox": ["sandbox", "--port", str(ports[1])],
                "service": ["serve", "--port", str(ports[0])],
                "worker": ["worker"],
            }.items()
        }
        for process in processes.values():
            stack.callback(process.kill)
        with httpx.Client(base_url=service_url, timeout=5) as api:
            _await_ready(api, processes["service"])
            yield Target(_furnished(api, service_url), redis_url, processes["service"], processes["worker"])


def _await_ready(api: httpx.Client, service: Process) -> None:
    until = monotonic() + START_SECONDS
    while True:
        try:
            if api.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            assert not service.ended, service.output()
        assert monotonic() < until, service.output()
        sleep(0.05)


def _furnished(api: httpx.Client, url: str) -> Place:
    """With jobs of two callers and of nobody, and with bodies in quarantine."""
    jobs = [api.post("/v1/jobs", json=submission(), headers=key(owner)).json()["id"] for owner in ("editor", "shop")]
    news = signed({"event": "progress", "jobId": str(uuid4()), "status": "PROCESSING"})
    stranger = api.post("/webhooks/apiframe", **news).json()["jobId"]
    for body in (b"{", b"\xff", b'{"event":"exploded"}') * 3:
        api.post("/webhooks/apiframe", **signed(body)).raise_for_status()
    listed = api.get("/v1/quarantine", headers=key("ops")).json()["entries"]
    return Place(url, [*jobs, stranger], [entry["id"] for entry in listed])

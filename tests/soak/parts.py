"""The processes of a soak: each is started as an operator starts it, killed with -9, and started again."""

import asyncio
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import httpx

from tests.door import UPSTREAM_KEY
from tests.processes import Process, environment, is_free
from tests.redis_server import command as redis_command
from tests.soak.plan import OWNERS, TIMEOUT, How, Plan

SANDBOX = {
    "SANDBOX_API_KEYS": UPSTREAM_KEY, "SANDBOX_CREDITS": "100000000", "SANDBOX_LOGGED_LINES": "1000000",
    "SANDBOX_QUEUE_SECONDS": "0.3", "SANDBOX_RUN_SECONDS": "2", "SANDBOX_PROGRESS_STEP": "25",
    "SANDBOX_MAX_CONCURRENT_JOBS": "1000",
}  # fmt: skip
IN_FLIGHT = "300"
BELOW_EPHEMERAL = range(12_000, 32_000)
"""The system hands out no port of these: one that it did could be taken by a stranger while its owner is down."""


@dataclass
class Part:
    """`blows` counts what was done to it, `departures` are the last words of each time that it ended by itself."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    log: Path
    blows: Counter[How] = field(default_factory=Counter)
    departures: list[str] = field(default_factory=list)
    _process: Process | None = None

    def start(self) -> None:
        self._process = Process(self.command, self.env, self.log)

    def suffer(self, how: How) -> None:
        self.notice()
        if self._process:
            self.blows[how] += 1
            if how is How.FROZEN:
                self._process.freeze()
            else:
                self.kill()

    def recover(self, how: How) -> None:
        if how is How.KILLED or self._process is None:
            self.start()
        else:
            self._process.thaw()

    def kill(self) -> None:
        if self._process:
            self._process.kill()
        self._process = None

    def notice(self) -> None:
        """Takes note if it has ended by itself, which none of them ever should."""
        if self._process and self._process.ended:
            self.departures.append(f"{self.name}: {self._process.output()[-300:]}")
            self._process = None

    async def stop(self) -> None:
        """As an operator does."""
        self.notice()
        if self._process and (code := await self._process.stop()):
            self.departures.append(f"{self.name}: exit code {code} when it was stopped")
        self._process = None


@dataclass(frozen=True)
class Parts:
    """`killable` by name, upstream's stand-in, which is not, and where they are."""

    killable: Mapping[str, Part]
    sandbox: Part
    service_url: str
    sandbox_url: str
    redis_url: str

    def blows(self) -> Counter[tuple[How, str]]:
        return Counter(
            {(how, part.name): times for part in self.killable.values() for how, times in part.blows.items()}
        )

    def departures(self) -> list[str]:
        return [words for part in self.killable.values() for words in part.departures]


def caller_key(owner: str) -> str:
    return f"key-of-{owner}"


@contextmanager
def started(plan: Plan, folder: Path) -> Iterator[Parts]:
    """All of them, started and not yet awaited; none is left at the end, however it ends."""
    service, sandbox = _ports(plan.seed)
    line, socket = redis_command(folder, "--appendonly", "yes", "--appendfsync", "everysec")
    urls = f"http://127.0.0.1:{service}", f"http://127.0.0.1:{sandbox}", f"unix://{socket}"
    env = _environment(plan, *urls)
    redis = Part("redis", line, env, folder / "redis.log")
    upstream = Part("sandbox", _cli("sandbox", sandbox), {**env, **SANDBOX}, folder / "sandbox.log")
    served = Part("service", _cli("serve", service), env, folder / "service.log")
    workers = [Part(name, _cli("worker"), env, folder / f"{name}.log") for name in ("worker", "second worker")]
    every = (redis, upstream, served, *workers)
    try:
        for part in every:
            part.start()
        yield Parts({part.name: part for part in (redis, served, *workers)}, upstream, *urls)
    finally:
        for part in every:
            part.kill()


def _environment(plan: Plan, service_url: str, sandbox_url: str, redis_url: str) -> dict[str, str]:
    entries = [
        {"name": owner, "sha256": hashlib.sha256(caller_key(owner).encode()).hexdigest(), "scopes": ["submit", "read"]}
        for owner in OWNERS
    ]
    return environment(
        redis_url, API_KEYS=json.dumps(entries), APIFRAME_BASE_URL=sandbox_url, PUBLIC_URL=service_url,
        APIFRAME_TIMEOUT_SECONDS=str(TIMEOUT), POLL_AFTER_SECONDS=str(plan.poll_after), MAX_IN_FLIGHT=IN_FLIGHT,
    )  # fmt: skip


def _cli(command: str, port: int | None = None) -> list[str]:
    return [sys.executable, "-m", "cli", command, *(["--port", str(port)] if port else [])]


def _ports(seed: int) -> list[int]:
    chance = Random(f"{seed}:ports")
    free = (port for port in chance.sample(BELOW_EPHEMERAL, 100) if is_free(port))
    return [next(free), next(free)]


async def until_up(parts: Parts) -> None:
    """Every part answers."""
    async with httpx.AsyncClient(timeout=2) as client:
        for url in (f"{parts.sandbox_url}/sandbox/mischief", f"{parts.service_url}/readyz"):
            while not await _answers(client, url):
                await asyncio.sleep(0.05)


async def _answers(client: httpx.AsyncClient, url: str) -> bool:
    try:
        return (await client.get(url)).status_code == 200
    except httpx.TransportError:
        return False

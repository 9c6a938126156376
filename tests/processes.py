"""Our processes as an operator starts them: settings from the environment alone, output in a file."""

import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from cli.demo.child import die_with_parent
from tests.door import KEYS, UPSTREAM_KEY

_PORTS = iter(random.sample(range(12_000, 32_000), 20_000))


def free_port() -> int:
    """Below those that the system hands out by itself, and each once in a run: nobody else takes it meanwhile."""
    return next(port for port in _PORTS if is_free(port))


def is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def environment(redis_url: str, **given: str) -> dict[str, str]:
    """What a process of ours needs, and nothing else of this machine's."""
    import hashlib

    keys = [
        {"name": name, "sha256": hashlib.sha256(key.encode()).hexdigest(), "scopes": scopes}
        for name, (key, scopes) in KEYS.items()
    ]
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ}
    ours = {"REDIS_URL": redis_url, "APIFRAME_API_KEY": UPSTREAM_KEY, "API_KEYS": json.dumps(keys)}
    return {**kept, **ours, **given}


class Process:
    def __init__(self, command: Sequence[str], env: Mapping[str, str], log: Path) -> None:
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command, env=dict(env), stdout=output, stderr=output, cwd=log.parent,
                preexec_fn=die_with_parent if sys.platform == "linux" else None,
            )  # fmt: skip

    @property
    def ended(self) -> bool:
        return self._process.poll() is not None

    @property
    def pid(self) -> int:
        return self._process.pid

    def kill(self) -> None:
        """As a machine that loses power: nothing is said, nothing is written."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def freeze(self) -> None:
        """As a machine that swaps, or a link that hangs: it holds on to all it has, and does nothing."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    async def stop(self) -> int:
        self._process.terminate()
        return await asyncio.to_thread(self._process.wait, 20)

    def output(self) -> str:
        return self.log.read_text("utf-8", errors="replace")

    async def until_logged(self, words: str) -> None:
        while words not in self.output():
            assert not self.ended, self.output()
            await asyncio.sleep(0.02)


@asynccontextmanager
async def started(command: Sequence[str], env: Mapping[str, str], log: Path) -> AsyncIterator[Process]:
    process = Process([sys.executable, "-m", *command], env, log)
    try:
        yield process
    finally:
        if not process.ended:
            process.kill()


async def until_ready(url: str, process: Process) -> None:
    async with httpx.AsyncClient() as client:
        while True:
            try:
                if (await client.get(f"{url}/readyz")).status_code == 200:
                    return
            except httpx.TransportError:
                assert not process.ended, process.output()
            await asyncio.sleep(0.02)


def log_lines(process: Process) -> list[dict[str, Any]]:
    return [json.loads(line) for line in process.output().splitlines() if line.startswith("{")]

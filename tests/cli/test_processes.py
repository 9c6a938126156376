"""Processes as an operator starts them, from the environment alone."""

import asyncio
import re
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.door import UPSTREAM_KEY, key, submission
from tests.processes import environment, free_port, log_lines, started, until_ready
from tests.town import town

pytestmark = pytest.mark.usefixtures("redis")
SECONDS = 30


def run(*command: str, **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-m", *command], capture_output=True, text=True, env=env, timeout=SECONDS)


async def test_uvicorn_and_arq_start_from_the_environment_alone(redis_url: str, tmp_path: Path) -> None:
    """`uvicorn service.app:create_app --factory` and `arq workers.settings.WorkerSettings`, one job through both."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    async with asyncio.timeout(SECONDS), town(redis_url, worker=False) as here:
        env = environment(redis_url, APIFRAME_BASE_URL=here.settings.apiframe_base_url, PUBLIC_URL=url)
        service = ["uvicorn", "service.app:create_app", "--factory", "--port", str(port)]
        worker = ["arq", "workers.settings.WorkerSettings"]
        async with (
            started(service, env, tmp_path / "service.log") as serving,
            started(worker, env, tmp_path / "worker.log") as working,
            httpx.AsyncClient(base_url=url, headers=key("editor"), timeout=SECONDS) as api,
        ):
            await until_ready(url, serving)
            body = submission(parentJobId=here.parent_id)
            job = (await api.post("/v1/jobs", json=body)).json()
            final = (await api.get(f"/v1/jobs/{job['id']}?wait=20&until=final")).json()
            assert (final["status"], final["settledBy"]) == ("COMPLETED", "webhook")
            assert await working.stop() == 0
            assert await serving.stop() in (0, -15)  # uvicorn itself ends by the signal that stopped it


async def test_serve_and_worker_stop_gracefully_and_log_no_secret(redis_url: str, tmp_path: Path) -> None:
    """SIGTERM answers what is held, and both end with 0 within seconds; each line of the log is JSON."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    env = environment(redis_url, APIFRAME_BASE_URL="http://127.0.0.1:9", PUBLIC_URL=url, LOG_LEVEL="debug")
    async with asyncio.timeout(SECONDS):
        async with (
            started(["cli", "serve", "--port", str(port)], env, tmp_path / "service.log") as serving,
            started(["cli", "worker"], env, tmp_path / "worker.log") as working,
            httpx.AsyncClient(base_url=url, headers=key("editor"), timeout=70) as api,
        ):
            await until_ready(url, serving)
            await working.until_logged("worker started")
            job = (await api.post("/v1/jobs", json=submission())).json()
            held = asyncio.create_task(api.get(f"/v1/jobs/{job['id']}?wait=60&until=final"))
            await working.until_logged('"result": "TryAgain"')
            async with asyncio.timeout(8):
                assert await serving.stop() == 0
                assert (await held).json()["status"] == "PENDING"
                assert await working.stop() == 0
    for process in (serving, working):
        lines = process.output().splitlines()
        assert len(log_lines(process)) == len(lines) > 0, process.output()
        assert UPSTREAM_KEY not in process.output()
        assert "Traceback" not in process.output()


@pytest.mark.parametrize("command", ["serve", "worker"])
async def test_sigterm_is_obeyed_while_redis_is_away(tmp_path: Path, command: str) -> None:
    """Within seconds, with 0: whoever restarts things at three in the morning must not have to wait."""
    env = environment("unix:///nonexistent/r.sock", APIFRAME_BASE_URL="http://127.0.0.1:9", PORT=str(free_port()))
    words = {"serve": "started, and cannot work yet", "worker": "worker starts"}[command]
    async with asyncio.timeout(SECONDS), started(["cli", command], env, tmp_path / "log") as process:
        await process.until_logged(words)
        async with asyncio.timeout(8):
            assert await process.stop() == 0
    assert "Traceback" not in process.output()


@pytest.mark.parametrize("command", [["cli", "serve"], ["cli", "worker"]])
async def test_a_wrong_setting_stops_the_start_with_a_line_that_names_it(command: list[str]) -> None:
    """All of them at once, no value, no traceback."""
    ended = run(*command, REDIS_URL="http://x", PORT="many", APIFRAME_API_KEY="afk_secret", PUBLIC_URL="http://plain")
    assert ended.returncode != 0
    assert {line.partition(":")[0] for line in ended.stderr.splitlines()} == {"REDIS_URL", "PUBLIC_URL", "PORT"}
    assert "Traceback" not in ended.stderr
    assert "many" not in ended.stderr


@pytest.mark.parametrize(
    "command",
    [["uvicorn", "service.app:create_app", "--factory"], ["arq", "workers.settings.WorkerSettings"]],
    ids=["uvicorn", "arq"],
)
async def test_the_other_two_doors_say_it_as_plainly(command: list[str]) -> None:
    """Without REDIS_URL nothing starts."""
    ended = run(*command, APIFRAME_API_KEY="afk_secret")
    assert ended.returncode != 0
    assert "REDIS_URL: is not set" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("command", ["serve", "sandbox"])
@pytest.mark.parametrize("form", ["json", "console"])
async def test_what_listens_says_where(redis_url: str, tmp_path: Path, command: str, form: str) -> None:
    """One line with an address that answers, once it does; and SIGTERM is no failure."""
    name = {"serve": "service", "sandbox": "sandbox"}[command]
    env = environment(redis_url, APIFRAME_BASE_URL="http://127.0.0.1:9", LOG_FORMAT=form)
    async with asyncio.timeout(SECONDS):
        async with started(["cli", command, "--port", "0"], env, tmp_path / "log") as process:
            await process.until_logged(f"{name} started")
            [line] = [line for line in process.output().splitlines() if "started" in line]
            [address] = re.findall(r"http://127\.0\.0\.1:\d+", line)
            async with httpx.AsyncClient() as client:
                assert (await client.get(f"{address}/healthz")).status_code in (200, 404)
            assert await process.stop() == 0
    assert all(line.startswith("{") == (form == "json") for line in process.output().splitlines())


async def test_a_wrong_setting_of_the_sandbox_is_named() -> None:
    """In a line."""
    ended = await asyncio.to_thread(run, "cli", "sandbox", SANDBOX_CREDITS="many")
    assert (ended.returncode, ended.stderr.partition(":")[0], len(ended.stderr.splitlines())) == (
        2,
        "SANDBOX_CREDITS",
        1,
    )


async def test_a_port_in_use_is_said_in_one_line(redis_url: str) -> None:
    """With what to do."""
    port = free_port()
    async with town(redis_url, worker=False) as here:
        taken = str(here.settings.public_url).rpartition(":")[2]
        ended = await asyncio.to_thread(run, "cli", "serve", "--port", taken, **environment(redis_url))
    assert (ended.returncode, len(ended.stderr.splitlines())) == (2, 1)
    assert f"127.0.0.1:{taken}" in ended.stderr
    assert "--port" in ended.stderr
    assert port

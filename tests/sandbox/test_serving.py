"""Settings, and a sandbox that starts and stops within a running event loop."""

import asyncio
import socket
import time
from pathlib import Path

import httpx
import pytest
from pydantic import ValidationError

from sandbox.app import create_app
from sandbox.intake import fit
from sandbox.mischief import Mischief
from sandbox.serve import running
from sandbox.settings import SandboxSettings


async def test_it_starts_and_stops_within_a_moment() -> None:
    """The best of three, so that a busy machine does not matter."""
    times = []
    for _ in range(3):
        begun = time.perf_counter()
        async with running(SandboxSettings()):
            times.append(time.perf_counter() - begun)
    assert min(times) < 0.1


async def test_two_sandboxes_share_nothing() -> None:
    """Each has its own port and its own jobs."""
    settings = SandboxSettings(api_keys=("afk_a",))
    async with running(settings) as one, running(settings) as other, httpx.AsyncClient(trust_env=False) as http:
        body = {"prompt": "x", "model": "midjourney"}
        await http.post(f"{one}/v2/images/generate", json=body, headers={"X-API-Key": "afk_a"})
        ledgers = [(await http.get(f"{url}/sandbox/ledger")).json()["entries"] for url in (one, other)]
        assert [len(entries) for entries in ledgers] == [1, 0]


async def test_a_port_that_is_taken_is_an_os_error() -> None:
    """And nothing is left running."""
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        async with running(SandboxSettings(), port=taken.getsockname()[1]):
            pass
    assert len(asyncio.all_tasks()) == 1


async def test_nothing_is_left_running_after_the_stop() -> None:
    """No task, whatever was under way."""
    async with running(SandboxSettings(run_seconds=60)) as url, httpx.AsyncClient(trust_env=False) as http:
        headers = {"X-API-Key": "afk_sandbox"}
        await http.post(f"{url}/v2/images/generate", json={"prompt": "x", "model": "midjourney"}, headers=headers)
    assert len(asyncio.all_tasks()) == 1


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys are separated by commas; mischief is nested."""
    monkeypatch.setenv("SANDBOX_API_KEYS", "afk_a, afk_b")
    monkeypatch.setenv("SANDBOX_CREDITS", "5")
    monkeypatch.setenv("SANDBOX_MISCHIEF__WEBHOOK_DROPPED", "0.25")
    settings = SandboxSettings()
    assert (settings.api_keys, settings.credits) == (("afk_a", "afk_b"), 5)
    assert settings.mischief == Mischief(webhook_dropped=0.25)


def test_settings_are_frozen_and_bounded() -> None:
    """And every field says what it means."""
    with pytest.raises(ValidationError):
        SandboxSettings(progress_step=0)
    with pytest.raises(ValidationError):
        SandboxSettings(api_keys=())
    with pytest.raises(ValidationError):
        SandboxSettings().credits = 1  # type: ignore[misc]
    for model in (SandboxSettings, Mischief):
        assert all(field.description for field in model.model_fields.values())


def test_an_app_is_made_without_reading_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong variables come out at the start, not at the import."""
    monkeypatch.setenv("SANDBOX_CREDITS", "plenty")
    create_app()


def test_the_sandbox_imports_nothing_of_ours() -> None:
    """It speaks Apiframe's public protocol and knows no other."""
    sources = (Path(__file__).parents[2] / "sandbox").glob("*.py")
    ours = ("tracker", "service", "workers", "cli")
    for source in sources:
        imports = [line for line in source.read_text().splitlines() if line.startswith(("import ", "from "))]
        assert not [line for line in imports if line.split()[1].split(".")[0] in ours]


@pytest.mark.parametrize(
    ("ratio", "size"),
    [("1:1", (1024, 1024)), ("16:9", (1376, 768)), ("9:16", (768, 1376)), ("100:1", (1760, 576)), ("0:0", (1760, 576))],
)
def test_sizes_are_sane_for_every_aspect_ratio(ratio: str, size: tuple[int, int]) -> None:
    """About a megapixel, three to one at most."""
    assert fit(ratio) == size


async def test_a_client_that_goes_away_within_its_body_is_no_bug(caplog: pytest.LogCaptureFixture) -> None:
    """A worker that was killed: the request is in the log, and no traceback is."""
    async with running(SandboxSettings()) as url, httpx.AsyncClient(base_url=url, trust_env=False) as http:
        _, writer = await asyncio.open_connection(http.base_url.host, http.base_url.port)
        head = "POST /v2/images/generate HTTP/1.1\r\nHost: x\r\nX-API-Key: afk_sandbox\r\nContent-Length: 100\r\n\r\n"
        writer.write(head.encode() + b"{")
        await writer.drain()
        await asyncio.sleep(0.05)  # else the sandbox may never learn of the request
        writer.close()
        transcript: list[str] = []
        while not transcript:
            transcript = (await http.get("/sandbox/log")).json()["transcript"]
    assert transcript == ["POST /v2/images/generate → 499"]
    assert [record.levelname for record in caplog.records if record.levelname == "ERROR"] == []

"""What workers tell Prometheus, each at a port of its own."""

import asyncio
import socket
import struct
from contextlib import AsyncExitStack

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from structlog.testing import capture_logs

from tests.door import settings_for
from tests.processes import free_port
from tests.town import town
from tracker.apiframe.client import ApiframeClient
from tracker.settings import Settings
from workers import telling


def telling_settings(redis_url: str, port: int) -> Settings:
    return settings_for(redis_url, metrics_port=port)


async def told(port: int) -> dict[tuple[str, ...], float]:
    """Values by name and labels' values."""
    async with httpx.AsyncClient() as client:
        text = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
    samples = [one for family in text_string_to_metric_families(text) for one in family.samples]
    return {(one.name, *one.labels.values()): one.value for one in samples}


@pytest.mark.usefixtures("redis")
async def test_a_worker_tells_how_upstream_answers(redis_url: str) -> None:
    """By call and result, with the time that it took; an upstream that is away is a result, too."""
    port = free_port()
    async with AsyncExitStack() as stack, town(redis_url, worker=False) as here:
        meters = telling.meters(stack, telling_settings(redis_url, port))
        client = await stack.enter_async_context(ApiframeClient(here.settings, meters.upstream))
        await client.account()
        lost = settings_for(redis_url, apiframe_base_url="http://127.0.0.1:9")
        away = await stack.enter_async_context(ApiframeClient(lost, meters.upstream))
        await away.inpaint("1", "2", b"PNG", None, None)
        meters.redis(0.003)
        found = await told(port)
    assert found["tracker_upstream_requests_total", "account", "account"] == 1
    assert found["tracker_upstream_requests_total", "submit", "try_again"] == 1
    assert found["tracker_upstream_request_seconds_count", "submit"] == 1
    assert found["tracker_redis_round_trip_seconds_bucket", "0.005"] == 1
    with pytest.raises(httpx.ConnectError):
        await told(port)


async def test_a_worker_whose_port_is_taken_works_all_the_same(redis_url: str) -> None:
    """It says what is wrong, and where."""
    with socket.create_server(("127.0.0.1", 0)) as taken, capture_logs() as lines:
        async with AsyncExitStack() as stack:
            telling.meters(stack, telling_settings(redis_url, taken.getsockname()[1])).redis(0.1)
    [line] = lines
    assert line["log_level"] == "error"
    assert "METRICS_PORT is taken" in line["event"]


async def test_who_breaks_off_is_told_in_a_line(redis_url: str, capfd: pytest.CaptureFixture[str]) -> None:
    """A balancer that looks whether the port is open: the library's server would print a traceback past the log."""
    port = free_port()
    async with AsyncExitStack() as stack:
        telling.meters(stack, telling_settings(redis_url, port)).redis(0.1)
        with capture_logs() as lines:
            break_off(port)
            async with asyncio.timeout(5):
                while not lines:
                    await asyncio.sleep(0.01)
        assert await told(port)
    [line] = lines
    assert (line["log_level"], line["address"]) == ("info", "127.0.0.1")
    assert "broke off" in line["event"]
    assert "ConnectionResetError" in line["error"]
    assert capfd.readouterr() == ("", "")


def break_off(port: int) -> None:
    """In the middle of a line, by a reset."""
    with socket.create_connection(("127.0.0.1", port)) as asking:
        asking.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        asking.sendall(b"GET /met")


async def test_nothing_listens_where_no_port_is_set(redis_url: str) -> None:
    async with AsyncExitStack() as stack:
        telling.meters(stack, settings_for(redis_url)).redis(0.1)
        assert not stack.pop_all()._exit_callbacks  # type: ignore[attr-defined]

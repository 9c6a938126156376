"""Whose word about a client's address is believed."""

import asyncio
from pathlib import Path

import httpx
import pytest

from service.failures import BURST
from tests.processes import environment, free_port, started, until_ready


@pytest.mark.usefixtures("redis")
@pytest.mark.parametrize(("believed", "status"), [("127.0.0.1", 401), ("10.9.9.9", 429)])
async def test_forwarded_headers_count_from_listed_proxies_alone(
    redis_url: str, tmp_path: Path, believed: str, status: int
) -> None:
    """Else whoever guesses keys would be somebody else each time."""
    port = free_port()
    env = environment(redis_url, PORT=str(port), FORWARDED_ALLOW_IPS=believed)
    async with asyncio.timeout(30), started(["cli", "serve"], env, tmp_path / "log") as service:
        url = f"http://127.0.0.1:{port}"
        await until_ready(url, service)
        async with httpx.AsyncClient(base_url=url, headers={"X-API-Key": "wrong"}) as http:
            for _ in range(BURST):
                assert (await http.get("/v1/jobs", headers={"X-Forwarded-For": "192.0.2.1"})).status_code == 401
            assert (await http.get("/v1/jobs", headers={"X-Forwarded-For": "192.0.2.1"})).status_code == 429
            assert (await http.get("/v1/jobs", headers={"X-Forwarded-For": "192.0.2.2"})).status_code == status

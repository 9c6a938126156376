"""A tale: somebody listens to a stream that has no end, and the service is asked to stop.

uvicorn waits for answers in hand, for ever if it is not told otherwise, and only then closes what belongs to us. So the
streams are ended by the signal itself, whoever started the service.
"""

import asyncio
from pathlib import Path

import httpx
import pytest

from tests.door import key
from tests.processes import environment, free_port, started, until_ready


@pytest.mark.parametrize(
    "command", [["uvicorn", "service.app:create_app", "--factory"], ["cli", "serve"]], ids=["uvicorn", "serve"]
)
@pytest.mark.usefixtures("redis")
async def test_streams_end_at_once_when_the_service_is_asked_to_stop(
    redis_url: str, tmp_path: Path, command: list[str]
) -> None:
    """Listeners see a clean end, and the process is gone within moments."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    async with (
        started([*command, "--port", str(port)], environment(redis_url), tmp_path / "log") as service,
        httpx.AsyncClient(base_url=url, headers=key("ops"), timeout=30) as api,
    ):
        await until_ready(url, service)
        async with api.stream("GET", "/v1/stream") as heard:
            lines = heard.aiter_lines()
            assert (await anext(lines)).startswith(": at ")
            async with asyncio.timeout(5):
                assert await service.stop() in (0, -15)  # uvicorn itself ends by the signal that stopped it
            assert [line async for line in lines] == [""]
        assert "Traceback" not in service.output()

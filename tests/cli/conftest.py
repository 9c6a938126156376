"""A running service with a worker and a stand-in for Apiframe, and a mask in a file."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.door import mask_png
from tests.town import Town, town


@pytest.fixture
async def here(redis: object, redis_url: str) -> AsyncIterator[Town]:
    async with town(redis_url) as running:
        yield running


@pytest.fixture
def mask(tmp_path: Path) -> str:
    path = tmp_path / "mask.png"
    path.write_bytes(mask_png())
    return str(path)

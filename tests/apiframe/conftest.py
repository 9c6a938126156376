"""A sandbox in place of Apiframe, over real HTTP, and our client of it."""

from collections.abc import AsyncIterator

import pytest

from tests.apiframe.upstream import client_of, sandboxed
from tests.sandbox.actors import Caller
from tracker.apiframe.client import ApiframeClient


@pytest.fixture
async def sandbox() -> AsyncIterator[Caller]:
    async with sandboxed() as caller:
        yield caller


@pytest.fixture
async def client(sandbox: Caller) -> AsyncIterator[ApiframeClient]:
    async with client_of(str(sandbox.http.base_url)) as client:
        yield client

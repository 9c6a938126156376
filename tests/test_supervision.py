"""Loops that keep running."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from tracker import supervision


async def test_a_loop_that_fails_is_started_again_until_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it failed of."""
    monkeypatch.setattr(supervision, "PAUSE_SECONDS", 0.001)
    runs = 0
    thrice = asyncio.Event()

    async def loop() -> None:
        nonlocal runs
        runs += 1
        if runs == 3:
            thrice.set()
        raise RuntimeError("of something")

    async with AsyncExitStack() as stack:
        supervision.keep_running(stack, "test", loop)
        async with asyncio.timeout(2):
            await thrice.wait()
    ended = runs
    await asyncio.sleep(0.02)
    assert runs == ended

"""Loops that are to run for as long as their process does."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress

import structlog

PAUSE_SECONDS = 1.0
log = structlog.get_logger()


def keep_running(stack: AsyncExitStack, name: str, loop: Callable[[], Awaitable[None]]) -> None:
    """Runs `loop` until the stack is closed; one that fails is said, and started again after a pause."""

    async def stop() -> None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    task = asyncio.create_task(_again_and_again(name, loop))
    stack.push_async_callback(stop)


async def _again_and_again(name: str, loop: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await loop()
        except Exception:
            log.exception("a loop failed; it starts again", loop=name)
        await asyncio.sleep(PAUSE_SECONDS)

"""Who sends without end while something else is done."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any


@asynccontextmanager
async def sending(send: Callable[[], Coroutine[Any, Any, None]], at_once: int) -> AsyncIterator[None]:
    senders = [asyncio.create_task(send()) for _ in range(at_once)]
    try:
        yield
    finally:
        for sender in senders:
            sender.cancel()
        await asyncio.gather(*senders, return_exceptions=True)

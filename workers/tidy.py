"""What time alone brings: finished jobs go after their retention, and pending ones expire."""

import asyncio
import time

import structlog

from tracker.clock import Clock
from tracker.errors import StoreUnavailable
from tracker.store.jobs import JobStore
from workers.expiry import expire
from workers.tools import Tools

ROUND_SECONDS = 10.0
BATCH = 10
"""Jobs in a call of the script, which takes about 30 µs of Redis for each: what a delivery waits for, at most."""
REST = 2
"""Times as long as a call took is nothing asked of Redis: a million jobs go in some minutes."""

log = structlog.get_logger()


async def run(tools: Tools) -> None:
    """For ever. Several workers may do it at once: each batch is one script."""
    while True:
        try:
            await retire(tools)
            await expire(tools)
        except StoreUnavailable as error:
            log.warning("cannot tidy", error=str(error))
        except Exception:
            log.exception("tidying failed")
        await asyncio.sleep(ROUND_SECONDS)


async def retire(tools: Tools) -> int:
    """Removes every job whose retention is over; returns how many."""
    if removed := await retired(tools.store, tools.clock):
        log.info("retired", jobs=removed)
    return removed


async def retired(store: JobStore, clock: Clock) -> int:
    """Removes them a few at a time, and leaves Redis to others in between: a month's jobs may be due at once, and no
    delivery is to wait for them. Where others keep Redis busy, the pauses grow with the calls."""
    removed, began = 0, time.monotonic()
    while batch := await store.work.retire(clock(), BATCH):
        removed += batch
        await asyncio.sleep((time.monotonic() - began) * REST)
        began = time.monotonic()
    return removed

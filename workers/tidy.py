"""What time alone brings: finished jobs go after their retention, and pending ones expire."""

import asyncio

import structlog

from tracker.errors import StoreUnavailable
from workers.expiry import expire
from workers.tools import Tools

ROUND_SECONDS = 10.0
BATCH = 100

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
    removed = 0
    while batch := await tools.store.retire(tools.clock(), BATCH):
        removed += batch
    if removed:
        log.info("retired", jobs=removed)
    return removed

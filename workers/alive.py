"""What a container's health check looks at: this event loop turns."""

import asyncio

import structlog

from tracker import signs

log = structlog.get_logger()


async def run() -> None:
    """For ever; where no sign can be given, that is said and tried again each minute."""
    while True:
        given = give()
        await asyncio.sleep(signs.EVERY_SECONDS if given else signs.RECENT_SECONDS)


def give() -> bool:
    """Whether a sign of life was given; a worker works as well without."""
    try:
        signs.give()
    except OSError as error:
        log.warning("no sign of life for `inpaint-tracker healthy worker`", error=str(error))
        return False
    return True

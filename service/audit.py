"""What operators do, told in one place: who, what, to what."""

import structlog

from service.auth import Caller

log = structlog.get_logger()


def note(caller: Caller, action: str, **details: object) -> None:
    """To be called once it is done."""
    log.warning("operator", by=caller.name, action=action, **details)

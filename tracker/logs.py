"""Structured logs for every process: JSON lines, or colours for people. Libraries' own loggers go the same way."""

import logging
import sys
from typing import Literal

import structlog
from structlog.typing import Processor

_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
QUIET = ("httpx", "httpcore", "asyncio", "PIL", "uvicorn.access", "arq.worker")
"""Loggers that say at `info` what our own lines say better; arq's would show the arguments of messages."""

_PLAIN = structlog.dev.plain_traceback
"""The default one prints local variables, and with them keys and masks."""


def configure(level: str, form: Literal["json", "console"], *, for_good: bool = False) -> None:
    """`for_good`: a process does so once, and its loggers may be kept. Else each line makes its logger anew, also one
    that is not written."""
    rendering: list[Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if form == "json"
        else [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=_PLAIN)]
    )
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=for_good,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
    )
    logging.root.handlers = [handler]
    logging.root.setLevel(level.upper())
    quieten()


def quieten() -> None:
    """Also for a process whose logs somebody else has configured."""
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)

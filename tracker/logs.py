"""Structured logs for every process: JSON lines, or colours for people. Libraries' own loggers go the same way."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import structlog
from structlog.typing import Processor

from tracker.trail import Trail

_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
QUIET = ("httpx", "httpcore", "asyncio", "PIL", "uvicorn.access", "arq.worker", "urllib3")
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


def about(job_id: str, trail: Trail) -> None:
    """From here on each line of this task, or of its request, is about a job: it has the job's id, as `origin` the id
    of the request that made it, and as `trace_id` its trace, if it is part of one."""
    structlog.contextvars.bind_contextvars(job_id=job_id, **trail.names)


@contextmanager
def within(job_id: str, trail: Trail) -> Iterator[None]:
    """The same for a stretch of a task that sees to one job after the other."""
    with structlog.contextvars.bound_contextvars(job_id=job_id, **trail.names):
        yield


@contextmanager
def of_request(request_id: str) -> Iterator[None]:
    """Around a request, whose id is in each of its lines."""
    with structlog.contextvars.bound_contextvars(request_id=request_id):
        try:
            yield
        finally:
            structlog.contextvars.unbind_contextvars("job_id", "origin", "trace_id")


def quieten() -> None:
    """Also for a process whose logs somebody else has configured."""
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)

"""All that is examined, in the order in which it is told."""

import asyncio

from cli.doctor import callers, public, store, upstream, worker
from cli.doctor.finding import Finding, ok, problem
from tracker.errors import ConfigurationError
from tracker.settings import Settings, load


def examine_all() -> list[Finding]:
    """Nothing else can be looked at while a setting is wrong."""
    try:
        settings = load()
    except ConfigurationError as error:
        remedy = "Set it in the environment or .env; .env.example explains each."
        return [problem("settings", line, remedy) for line in error.problems]
    return [ok("settings", "all can be read"), *callers.examine(settings), *asyncio.run(_examine(settings))]


async def _examine(settings: Settings) -> list[Finding]:
    parts = await asyncio.gather(*(part.examine(settings) for part in (store, worker, upstream, public)))
    return [finding for part in parts for finding in part]

"""The Lua scripts, each loaded once and then called by its digest (redis-py reloads one that Redis has forgotten)."""

from importlib.resources import files
from typing import Any

from redis.asyncio import Redis

from tracker.store.keys import prefix

NAMES = ("create", "claim", "apply", "take", "retire", "page", "own", "hold", "resume")


def source(name: str) -> str:
    """The text of `lua/NAME.lua` with the prelude before it."""
    folder = files("tracker.store") / "lua"
    return (folder / "_prelude.lua").read_text("utf-8") + (folder / f"{name}.lua").read_text("utf-8")


class Scripts:
    def __init__(self, redis: Redis) -> None:
        self._scripts = {name: redis.register_script(source(name)) for name in NAMES}

    async def run(self, name: str, *args: bytes | str | int | float) -> Any:
        return await self._scripts[name](keys=[prefix()], args=args)

    async def ensure(self, redis: Redis) -> None:
        """Loads them where Redis has not all of them: a syntax error shows at start, readiness means they are there."""
        scripts = self._scripts.values()
        if not all(await redis.script_exists(*(script.sha for script in scripts))):
            for script in scripts:
                await redis.script_load(script.script)

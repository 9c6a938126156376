"""The Lua scripts, each loaded once and then called by its digest (redis-py reloads one that Redis has forgotten)."""

from importlib.resources import files
from typing import Any

from redis.asyncio import Redis

from tracker.store.keys import prefix

NAMES = ("create", "claim", "apply", "take", "retire", "page")


def source(name: str) -> str:
    """The text of `lua/NAME.lua` with the prelude before it."""
    folder = files("tracker.store") / "lua"
    return (folder / "_prelude.lua").read_text("utf-8") + (folder / f"{name}.lua").read_text("utf-8")


class Scripts:
    def __init__(self, redis: Redis) -> None:
        self._scripts = {name: redis.register_script(source(name)) for name in NAMES}

    async def run(self, name: str, *args: bytes | str | int | float) -> Any:
        return await self._scripts[name](keys=[prefix()], args=args)

    async def load(self, redis: Redis) -> None:
        """Puts all of them into Redis: a syntax error shows at start, and readiness means that they are there."""
        for script in self._scripts.values():
            script.sha = await redis.script_load(script.script)

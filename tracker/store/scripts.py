"""The Lua scripts, each loaded once and then called by its digest (redis-py reloads one that Redis has forgotten).

`apply` is a function of Redis, too (library.py): quicker, and for the calls that come thousands of times a second.
"""

from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from redis.asyncio import Redis

from tracker.job import STRANGERS_OWNER, Status
from tracker.store.connection import TooFewCopies
from tracker.store.history import words
from tracker.store.keys import VERSION, prefix
from tracker.store.library import Library
from tracker.transitions import TABLE, Row

WAIT_MS = 800
"""How long replicas have to say that they have it: less than the second that a reply may take."""
NAMES = ("create", "claim", "apply", "take", "retire", "page", "own", "hold", "resume")


def source(name: str) -> str:
    """The text of `lua/NAME.lua` and before it what it builds on."""
    if name == "apply":
        return f"return (function()\n{applying()}end)()()\n"
    return f"{_prelude()}do local unknown = unknown_layout() if unknown then return unknown end end\n{_lua(name)}"


def applying() -> str:
    """`apply` and before it what it builds on, the state machine's table, too: a text that returns a function."""
    return _prelude() + rules() + _lua("apply")


def _prelude() -> str:
    return f"local LAYOUT = {VERSION}\n{words()}{_lua('_prelude')}"


def _lua(name: str) -> str:
    return (files("tracker.store") / "lua" / f"{name}.lua").read_text("utf-8")


def rules() -> str:
    """The table as Lua: `row_of(kind).STATE` is {outcome, status to move to or nil, whether it upholds}. And whose job
    that is which is nobody's.

    A row is made when it is asked for: of a script, Redis runs the whole text at each call, and all rows take as long
    as ten jobs.
    """
    rows = (f"  if kind == '{kind}' then return {{ {_row(row)} }} end\n" for kind, row in TABLE.items())
    return f"local STRANGERS_OWNER = '{STRANGERS_OWNER}'\nlocal function row_of(kind)\n{''.join(rows)}end\n"


def _row(row: Row) -> str:
    cells = ((state, f"'{v.outcome}', {_text(v.to)}, {str(v.upholds).lower()}") for state, v in row.items())
    return ", ".join(f"{state} = {{ {cell} }}" for state, cell in cells)


def _text(status: Status | None) -> str:
    return f"'{status}'" if status else "nil"


@dataclass(frozen=True)
class Copies:
    """How many replicas must have a write before it counts (WAIT_REPLICAS)."""

    redis: Redis
    replicas: int


class Scripts:
    def __init__(self, redis: Redis) -> None:
        self._scripts = {name: redis.register_script(source(name)) for name in NAMES}
        self._library = Library("apply", applying())

    async def run(self, name: str, *args: bytes | str | int | float) -> Any:
        return await self._scripts[name](keys=[prefix()], args=args)

    async def run_and_copy(self, copies: Copies, name: str, *args: bytes | str | int | float) -> Any:
        """The same, and waits until replicas have what it wrote: WAIT is about its own connection's writes, so both go
        over one. Raises TooFewCopies; what was written stays, and to call again is safe."""
        async with copies.redis.pipeline(transaction=False) as pipe:
            await self._scripts[name](keys=[prefix()], args=args, client=pipe)
            pipe.execute_command("WAIT", copies.replicas, WAIT_MS)
            reply, replicas = await pipe.execute()
        if replicas < copies.replicas:
            raise TooFewCopies(f"{replicas} of {copies.replicas} replicas have it; try again.")
        return reply

    def command(self, name: str, *args: bytes) -> tuple[bytes, ...]:
        """The same call as it goes over a line of our own, `apply` as a function where Redis has it. Redis may have
        forgotten either, or refuse the function where the script would come through, and says so: then `run` it."""
        if name == "apply" and self._library.is_there:
            return (b"FCALL", self._library.name.encode(), b"1", prefix().encode(), *args)
        return (b"EVALSHA", self._scripts[name].sha.encode(), b"1", prefix().encode(), *args)

    async def ensure(self, redis: Redis) -> None:
        """Loads them where Redis has not all of them: a syntax error shows at start, readiness means they are there."""
        scripts = self._scripts.values()
        if not all(await redis.script_exists(*(script.sha for script in scripts))):
            for script in scripts:
                await redis.script_load(script.script)
        await self._library.ensure(redis)

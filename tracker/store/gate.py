"""The gate before upstream: whether anything may be submitted, or looked up, and why not. Shared by all workers.

A hold ends by itself. A pause does not: an operator resumes what an operator paused; what the account's state paused is
also resumed by the worker that finds it well again.
"""

from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import ConfigDict
from redis.asyncio import Redis

from tracker.clock import span_ms
from tracker.job import Wire
from tracker.store.connection import served
from tracker.store.keys import name
from tracker.store.scripts import Scripts


class Cause(StrEnum):
    OPERATOR = "operator"
    CREDITS = "credits"
    KEY = "key"


class Pause(Wire):
    """`by` is the name of an operator's key, None where a worker paused. `credits`: how many are needed to go on."""

    model_config = ConfigDict(frozen=True)

    cause: Cause
    reason: str
    since: datetime
    by: str | None = None
    credits: int | None = None


class Hold(Wire):
    """Why nobody submits just now, and for how long yet."""

    reason: str
    seconds: float


class Gate:
    """Methods raise StoreUnavailable where Redis does not serve them."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._scripts = Scripts(redis)

    @served
    async def hold(self, reason: str, span: timedelta) -> None:
        """No worker submits anything for `span`, or for as long as they are held already; `reason` is for people."""
        await self._scripts.run("hold", "hold", reason, _ms(span))

    @served
    async def quieten(self, reason: str, span: timedelta) -> None:
        """No worker looks anything up for `span`, or for as long as they are quiet already."""
        await self._scripts.run("hold", "quiet", reason, _ms(span))

    @served
    async def pause(self, pause: Pause) -> bool:
        """An operator's replaces whatever there is; a worker's is set only where there is none."""
        only_first = pause.cause is not Cause.OPERATOR
        return bool(await self._redis.set(name("pause"), pause.model_dump_json(by_alias=True), nx=only_first))

    @served
    async def paused(self) -> Pause | None:
        found = await self._redis.get(name("pause"))
        return Pause.model_validate_json(found) if found else None

    @served
    async def closed(self) -> tuple[Pause | None, Hold | None]:
        """What keeps jobs from being submitted just now, in one round trip. A Redis that is full takes no MULTI."""
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.get(name("pause"))
            pipe.get(name("hold"))
            pipe.pttl(name("hold"))
            pause, reason, left = await pipe.execute()
        hold = Hold(reason=reason.decode(), seconds=max(0, left) / 1000) if reason else None
        return Pause.model_validate_json(pause) if pause else None, hold

    @served
    async def resume(self, pause: Pause | None = None) -> bool:
        """Whatever holds, and every hold with it; or only `pause`: what somebody has paused since stays so."""
        known_by = "{since} {cause}".format(**pause.model_dump(mode="json")) if pause else ""
        return bool(await self._scripts.run("resume", known_by))

    @served
    async def may_probe(self, span: timedelta) -> bool:
        """Whether this worker is the one that asks about the account; nobody else does for `span`."""
        return bool(await self._redis.set(name("probe"), "1", nx=True, px=_ms(span)))


def _ms(span: timedelta) -> int:
    return max(1, span_ms(span))

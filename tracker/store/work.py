"""What is to be done, as workers take it: jobs to submit, questions to upstream, what is too old.

Methods raise StoreUnavailable where Redis does not serve them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from tracker.clock import span_ms, to_ms
from tracker.ids import first_id
from tracker.job import Status
from tracker.store import standings
from tracker.store.connection import served
from tracker.store.keys import name
from tracker.store.layouts import WRONG_TYPE, Layouts
from tracker.store.scripts import Scripts


@dataclass(frozen=True)
class Claim:
    """What `claim` found: a job to submit, or why there is none. `wait` in seconds where submissions are held."""

    job_id: str | None = None
    full: bool = False
    wait: float = 0.0
    paused: bool = False


@dataclass(frozen=True)
class Work:
    """A job is kept for `retention` after its end, and may be tried until `submit_within` after it was made."""

    _redis: Redis
    _scripts: Scripts
    _layouts: Layouts
    retention: timedelta
    submit_within: timedelta

    @served
    async def claim(
        self, now: datetime, *, lease: timedelta, max_in_flight: int, webhooks: str | None, key_mark: str = ""
    ) -> Claim:
        """Takes the next job that may be submitted now, with a slot, until the lease ends or an event settles it.

        `key_mark` tells which upstream key it is submitted with, and says nothing about the key itself.
        """
        given = to_ms(now), span_ms(lease), max_in_flight, webhooks or "", key_mark, to_ms(now - self.submit_within)
        try:
            word, *rest = await self._scripts.run("claim", *given)
        except ResponseError as error:
            if WRONG_TYPE not in str(error):
                raise
            await self._layouts.bring_what_runs()  # a process that knows no stamp has written a job beside us
            return Claim()
        match word:
            case b"paused":
                return Claim(paused=True)
            case b"claimed":
                return Claim(job_id=rest[0].decode())
            case b"held":
                return Claim(wait=rest[0] / 1000)
            case _:
                return Claim(full=word == b"full")

    @served
    async def take_lookups(self, now: datetime, *, lease: timedelta, limit: int, budget: int) -> list[str]:
        """Ids of jobs that upstream is to be asked about now, at most `budget` in ten seconds over all workers.

        Each comes back after `lease` unless news settles it. None while lookups are quiet.
        """
        taken = await self._scripts.run("take", to_ms(now), span_ms(lease), limit, budget)
        return [member.decode().removeprefix("lookup:") for member in taken]

    @served
    async def bring_lookup_forward(self, job_id: str, until: datetime) -> None:
        """Upstream is asked at `until` rather than at the end of a lease, where it is to be asked at all."""
        await self._redis.zadd(name("outbox"), {f"lookup:{job_id}": to_ms(until)}, xx=True, lt=True)

    @served
    async def bring_lookups_forward(self, moments: Mapping[str, datetime]) -> set[str]:
        """The same for many. Ids of those about which upstream is to be asked at all."""
        return await standings.bring_lookups_forward(self._redis, moments)

    @served
    async def drop_lookup(self, job_id: str) -> None:
        """For a job that is there no more."""
        await self._redis.zrem(name("outbox"), f"lookup:{job_id}")

    @served
    async def overdue(self, created_before: datetime, limit: int = 100) -> list[str]:
        """Ids of the oldest jobs that are still pending."""
        bound = f"({first_id(created_before)}"
        ids = await self._redis.zrangebylex(name("status", Status.PENDING), "-", bound, 0, limit)
        return [job_id.decode() for job_id in ids]

    @served
    async def retire(self, now: datetime, limit: int = 100) -> int:
        """Removes jobs whose retention is over, at most `limit`; returns how many. None go while a migration runs."""
        if await self._layouts.is_moving():
            return 0
        return int(await self._scripts.run("retire", to_ms(now - self.retention), limit))

"""Which layout Redis has, and how it becomes the one of this version while service and worker run.

The first process at start writes the stamp. Every script looks at it before anything else, so a process never touches
what it does not know: one that is older than Redis answers 503 and says why, and so does one that is newer, until a
worker of its version migrates. That raises the stamp first, then brings over what is not final, upon which everybody is
ready again, and then the rest, newest first, in batches. What somebody asks for meanwhile is brought over at once.
"""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from redis.asyncio import Redis

from tracker.clock import from_ms, to_ms
from tracker.errors import StoreUnavailable
from tracker.job import Status
from tracker.store import layout1
from tracker.store.connection import served
from tracker.store.keys import VERSION, name

AT_ONCE = 50
"""Jobs in a batch."""
LEASE = timedelta(seconds=15)
WRONG_TYPE = "WRONGTYPE"
"""What Redis says of a record of layout 1."""
_STAMP, _LOCK, _JOBS = name("layout"), name("migrating"), name("jobs")
_RUNNING = (Status.PENDING, Status.QUEUED, Status.PROCESSING)


@dataclass(frozen=True)
class Stamp:
    """`since` is the layout that a migration began with, None where none is under way; `serving` whether it is so far
    that everybody can work; `moved` jobs of `total` are looked at, since `began`."""

    version: int
    since: int | None = None
    serving: bool = False
    moved: int = 0
    total: int = 0
    began: datetime | None = None

    @property
    def obstacle(self) -> str | None:
        """Why this process must leave Redis alone, in words for an operator."""
        if self.version > VERSION:
            return (
                f"Redis has layout {self.version}, which is newer than this version of the program knows ({VERSION}):"
                " run the newer one."
            )
        if self.version < VERSION:
            return (
                f"Redis has layout {self.version}, and this version of the program works with {VERSION}:"
                " a worker of this version brings it over."
            )
        if self.since is not None and not self.serving:
            return f"Jobs that are under way are being brought over to layout {VERSION}; in a moment all goes on."
        return None


class Layouts:
    """Methods raise StoreUnavailable where Redis does not serve them."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._settled = False
        """Nothing was to be brought over when somebody last looked, which probes do every few seconds: what is of our
        layout stays so, unless an old backup is restored beneath us."""

    @served
    async def stamp(self, *, only_look: bool = False) -> Stamp:
        """As it is; written now where there is none, unless somebody will `only_look`."""
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.hgetall(_STAMP)
            pipe.zcard(_JOBS)
            fields, total = await pipe.execute()
        if fields:
            found = _read({key.decode(): value.decode() for key, value in fields.items()}, total)
        else:
            found = Stamp(await self._unstamped())
            if not only_look:
                await cast(Any, self._redis.hsetnx(_STAMP, "version", str(found.version)))
        self._settled = found.version == VERSION and found.since is None
        return found

    async def _unstamped(self) -> int:
        """Installations from before the stamp have layout 1, if the oldest job has."""
        oldest = await self._redis.zrange(_JOBS, 0, 0)
        return 1 if oldest and await layout1.of_these(self._redis, [oldest[0].decode()]) else VERSION

    async def check(self) -> Stamp:
        """Raises StoreUnavailable, with the reason in words, where this process must leave Redis alone."""
        stamp = await self.stamp()
        if stamp.obstacle:
            raise StoreUnavailable(stamp.obstacle)
        return stamp

    @served
    async def is_moving(self) -> bool:
        """Whether a migration is under way. Raises StoreUnavailable as `check` does: what is not found by a layout that
        is not ours may be there all the same."""
        if self._settled:
            return False
        version, since = await cast(Any, self._redis.hmget(_STAMP, ["version", "since"]))
        if int(version or VERSION) != VERSION:
            raise StoreUnavailable(str(Stamp(int(version)).obstacle))
        self._settled = since is None and version is not None
        return since is not None

    @served
    async def bring(self, *job_ids: str | None) -> int:
        """Brings these jobs over, if a migration is under way; returns how many there were to be brought."""
        if not await self.is_moving():
            return 0
        return await layout1.bring(self._redis, [job_id for job_id in job_ids if job_id])

    @served
    async def bring_all_of(self, upstream_job_id: str | None, job_id: str | None) -> int:
        """The same for all that news may be about: the job that it was addressed to, and whose id of upstream's it is.
        Also when the migration is over: a process that knows no stamp may have written one since."""
        holder = await cast(Any, self._redis.hget(name("upstream"), upstream_job_id)) if upstream_job_id else None
        return await layout1.bring(self._redis, [one for one in (job_id, holder and holder.decode()) if one])

    @served
    async def lock(self, whose: str) -> bool:
        """Whether it is this worker that migrates. Two would do no harm, and nothing faster."""
        held = await self._redis.set(_LOCK, whose, nx=True, get=True, px=LEASE)
        return held is None or (held.decode() == whose and bool(await self._redis.pexpire(_LOCK, LEASE)))

    @served
    async def unlock(self) -> None:
        await self._redis.delete(_LOCK)

    @served
    async def begin(self, now: datetime) -> None:
        """From here on, processes that know only the layout before leave Redis alone."""
        since, self._settled = (await self.stamp()).version, False
        fields = {"version": VERSION, "since": since, "cursor": "+", "moved": 0, "began": to_ms(now)}
        await cast(Any, self._redis.hset(_STAMP, mapping=fields))

    @served
    async def bring_what_runs(self) -> int:
        """What news may come about: jobs that are not final, and those about which upstream is to be asked."""
        brought = await layout1.bring_logs(self._redis)
        async for job_ids in self._running():
            brought += await layout1.bring(self._redis, job_ids)
        if await self.is_moving():
            await cast(Any, self._redis.hset(_STAMP, "serving", "1"))
        return brought

    async def _running(self) -> AsyncIterator[list[str]]:
        for status in _RUNNING:
            for job_ids in _batches(await self._redis.zrange(name("status", status), 0, -1)):
                yield job_ids
        for members in _batches(await self._redis.zrange(name("outbox"), 0, -1)):
            yield [member.removeprefix("lookup:") for member in members]

    @served
    async def bring_next(self) -> bool:
        """The next batch of all jobs, newest first, from where any worker left off; False where there are no more."""
        cursor = await cast(Any, self._redis.hget(_STAMP, "cursor")) or b"+"
        found = await self._redis.zrevrangebylex(_JOBS, cursor.decode(), "-", 0, AT_ONCE)
        job_ids = [job_id.decode() for job_id in found]
        await layout1.bring(self._redis, job_ids)
        if len(job_ids) < AT_ONCE:
            await cast(Any, self._redis.hdel(_STAMP, "since", "serving", "cursor", "moved", "began"))
            return False
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.hset(_STAMP, "cursor", f"({job_ids[-1]}")
            pipe.hincrby(_STAMP, "moved", len(job_ids))
            await pipe.execute()
        return True


def _read(fields: dict[str, str], total: int) -> Stamp:
    version = int(fields["version"])
    if "since" not in fields:
        return Stamp(version)
    began = from_ms(int(fields["began"])) if "began" in fields else None
    return Stamp(version, int(fields["since"]), "serving" in fields, int(fields.get("moved", 0)), total, began)


def _batches(members: list[bytes]) -> Iterable[list[str]]:
    for start in range(0, len(members), AT_ONCE):
        yield [member.decode() for member in members[start : start + AT_ONCE]]

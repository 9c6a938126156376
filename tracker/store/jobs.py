"""JobStore: every reading and every change of a job. A change is one script; nothing is read, decided and written back.

Methods raise StoreUnavailable where Redis does not serve them.
"""

import asyncio
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from tracker.clock import span_ms, to_ms
from tracker.errors import Backlogged, Conflict, NotFound
from tracker.events import Event, Report
from tracker.ids import new_id
from tracker.job import STRANGERS_OWNER, HistoryEntry, Job, Outcome, Status
from tracker.settings import Settings
from tracker.store.asking import Asking
from tracker.store.batches import Batches, Told
from tracker.store.condition import Condition, read_condition
from tracker.store.connection import served
from tracker.store.gauges import Gauges, read_gauges
from tracker.store.history import read_history
from tracker.store.keys import name
from tracker.store.layouts import WRONG_TYPE, Layouts
from tracker.store.line import Line
from tracker.store.news import news
from tracker.store.pages import Filter, Page, count_jobs, read_ids, read_mask_sizes, read_page
from tracker.store.scripts import Copies, Scripts
from tracker.store.standings import Standing, read_standings, resolve
from tracker.store.stats import Figures, read_figures
from tracker.store.wire import Stored, adoption, history_of, pack, read_record, record_of, unpack
from tracker.store.work import Work
from tracker.trail import NO_TRAIL, Trail

UNKNOWN = ["unknown"]
"""The script's answer where no job is concerned, or one that has yet to be brought over from an older layout."""
IDEMPOTENCY_LIFETIME = timedelta(hours=24)
CLOSE_SECONDS = 1.5
"""For Redis to answer what is under way at the end."""
BACKLOG_SECONDS = 30
"""When a caller whose job was one too many may try again."""


@dataclass(frozen=True)
class Backlog:
    """How much may wait: jobs that are pending, and bytes of their masks. More is refused with Backlogged."""

    jobs: int = 10_000
    mask_bytes: int = 256 * 1024 * 1024


@dataclass(frozen=True)
class Applied:
    """What became of a piece of news, and the job's state after and before it."""

    outcome: Outcome
    job_id: str
    version: int
    status: Status
    before: Status
    trail: Trail = NO_TRAIL

    @property
    def frees_slot(self) -> bool:
        return self.status.is_final and not self.before.is_final


@dataclass(frozen=True)
class Tracked:
    """Whose a job becomes that others submitted."""

    owner: str
    labels: Mapping[str, str] = field(default_factory=dict)


class JobStore:
    def __init__(
        self, redis: Redis, *, retention: timedelta, submit_within: timedelta, backlog: Backlog | None = None,
        wait_replicas: int = 0, seen: Callable[[float], None] = lambda _: None,
    ) -> None:  # fmt: skip
        """`seen` is told how many seconds each batch of news and of reads has taken."""
        self._redis = redis
        self._scripts = Scripts(redis)
        self.layouts = Layouts(redis)
        self.work = Work(redis, self._scripts, self.layouts, retention, submit_within)
        copies = Copies(redis, wait_replicas)
        self._write = partial(self._scripts.run_and_copy, copies) if wait_replicas else self._scripts.run
        self._line = Line(redis)
        news = Asking(self._line, self._news_of, self._apply, _answers)
        self._news = Batches(news.by_redis_py if wait_replicas else news, seen)
        self._reads = Batches(Asking(self._line, _reading_of, self._read, list), seen)
        self._backlog = backlog or Backlog()
        self._mask_life = submit_within + timedelta(hours=1)

    @classmethod
    def of(cls, redis: Redis, settings: Settings, seen: Callable[[float], None] = lambda _: None) -> "JobStore":
        return cls(
            redis,
            retention=timedelta(days=settings.retention_days),
            submit_within=timedelta(seconds=settings.submit_within_seconds),
            backlog=Backlog(settings.max_pending_jobs, settings.max_pending_mask_bytes),
            wait_replicas=settings.wait_replicas,
            seen=seen,
        )

    async def aclose(self) -> None:
        """To be called before its connections are closed: a call under way that lost its own would open another, which
        nobody closes. Whoever gave up waiting has left calls behind, so there may be some."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._news.rest()
                await self._reads.rest()
        await self._line.close()

    @served
    async def ready(self) -> str:
        """The id of this installation, once Redis has answered, has our layout and every script."""
        await self.layouts.check()
        await self._scripts.ensure(self._redis)
        if known := await self._redis.get(name("instance")):  # written once: a Redis that is full can still be read
            return str(known.decode())
        minted = uuid4().hex
        known = await self._redis.set(name("instance"), minted, nx=True, get=True)
        return known.decode() if known else minted

    @served
    async def create(
        self, job: Job, mask: bytes, idempotency: tuple[str, str] | None = None, trail: Trail = NO_TRAIL
    ) -> tuple[str, bool]:
        """Holds a pending job and its mask, or one that was refused at once. Returns its id, and whether it is earlier.

        `idempotency` is the caller's key and a digest of its body; another body under the same key is a Conflict.
        Raises Backlogged where too much is pending already.
        """
        key, body = idempotency or ("", "")
        digest = _digest(job.owner, key) if key else ""
        lives = span_ms(self._mask_life), span_ms(IDEMPOTENCY_LIFETIME)
        limits = self._backlog.jobs, self._backlog.mask_bytes
        record = record_of(job, trail)
        verdict, *found = await self._write("create", job.id, mask, digest, body, *lives, *limits, record)
        if verdict == b"full":
            raise Backlogged("Too many jobs wait to be submitted; send this one again later.", BACKLOG_SECONDS)
        job_id = found[0].decode()
        if verdict == b"conflict":
            raise Conflict(f"This Idempotency-Key was used within 24 h with another body, for job {job_id}.")
        return job_id, verdict == b"replayed"

    @served
    async def remembers(self, owner: str, key: str) -> bool:
        """Whether an Idempotency-Key of this owner stands for a job."""
        return bool(await self._redis.exists(name("idempotency", _digest(owner, key))))

    @served
    async def get(self, job_id: str) -> Stored | None:
        record = await self._reads.tell(job_id)
        if record is None:
            await self.layouts.bring(job_id)  # or somebody else has, a moment ago
            record = await self._reads.tell(job_id)
        return read_record(job_id, record)

    def look(self, job_id: str, told: Told) -> None:
        """The same without waiting: `told` gets the record as it lies in Redis, None where there is none, or what went
        wrong. Raises StoreUnavailable."""
        self._reads.put(job_id, told)

    async def _read(self, job_ids: Sequence[str]) -> list[bytes | None]:
        found: list[bytes | None] = await self._redis.mget([name("job", job_id) for job_id in job_ids])
        return found

    @served
    async def find(self, either_id: str) -> Stored | None:
        """By our id, else by upstream's."""
        found = await self.get(either_id)
        if found is None and (ours := await self._other_name(either_id)):
            found = await self.get(ours.decode())
        return found

    @served
    async def find_upstream(self, upstream_job_id: str) -> Stored | None:
        """By upstream's id alone."""
        ours = await _reply(self._redis.hget(name("upstream"), upstream_job_id))
        return await self.get(ours.decode()) if ours else None

    async def _other_name(self, either_id: str) -> bytes | None:
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.hget(name("upstream"), either_id)
            pipe.get(name("alias", either_id))
            names: list[bytes | None] = await pipe.execute()
        return names[0] or names[1]

    @served
    async def alias(self, job_id: str, first: str) -> None:
        """Lets the id that a backend was told lead to the job that its Idempotency-Key stands for."""
        await self._redis.set(name("alias", job_id), first, ex=IDEMPOTENCY_LIFETIME)

    @served
    async def history(self, job_id: str) -> list[HistoryEntry]:
        """Oldest first; of a very long one the first and last entries."""
        await self.layouts.bring(job_id)
        return read_history(job_id, history_of(await self._redis.get(name("job", job_id))))

    @served
    async def page(self, wanted: Filter, limit: int, below: str | None = None) -> Page:
        """Newest first, from the id `below` on."""
        await self._bring(wanted, limit + 1, below)
        return await read_page(self._scripts, wanted, limit, below)

    @served
    async def mask_sizes(self, wanted: Filter, most: int) -> set[tuple[int, int]]:
        """Widths and heights of the masks of `most` jobs at most, the newest."""
        await self._bring(wanted, most, None)
        return await read_mask_sizes(self._scripts, wanted, most)

    async def _bring(self, wanted: Filter, most: int, below: str | None) -> None:
        if await self.layouts.is_moving():
            await self.layouts.bring(*(await read_ids(self._scripts, wanted, most, below))[0])

    @served
    async def ids(self, wanted: Filter, most: int) -> tuple[list[str], bool]:
        """Of `most` jobs at most, newest first, and whether there are more."""
        return await read_ids(self._scripts, wanted, most)

    @served
    async def count(self, wanted: Filter, most: int) -> tuple[int, bool]:
        """How many jobs there are, `most` at most, and whether there are more."""
        return await count_jobs(self._scripts, wanted, most)

    @served
    async def resolve(self, either_ids: Sequence[str]) -> dict[str, str]:
        """Our id by each that was given, ours or upstream's; those that name no job are left out."""
        return await resolve(self._redis, either_ids)

    @served
    async def standings(self, job_ids: Sequence[str]) -> list[Standing]:
        """In the order of the ids; those that are gone are left out."""
        await self.layouts.bring(*job_ids)
        return await read_standings(self._redis, job_ids)

    @served
    async def apply(
        self, event: Event, now: datetime, *, job_id: str | None, silence: timedelta,
        tracked_by: Tracked | None = None, quarantined: str = "",
    ) -> Applied:  # fmt: skip
        """The one way in which a job changes. `job_id` is the address that the news came to, if any.

        Upstream is asked when the job has been silent for `silence`. A report about nobody's job adopts a stranger,
        for `tracked_by` or for nobody; any other event for a job that is not there raises NotFound. So does an entry
        `quarantined` that is there no more; one that is there leaves with this.
        """
        change = news(event, now, job_id, silence, quarantined)
        adopting = change | _adoption(event, now, tracked_by) if isinstance(event, Report) else change
        answer = await self._news.tell(adopting if quarantined else change)
        if answer == UNKNOWN:
            await self.layouts.bring_all_of(change.get("upstreamJobId"), job_id)
            answer = await self._news.tell(adopting)
        match answer:
            case ["unknown"]:
                raise NotFound(f"There is no job {job_id}.")
            case ["gone"]:
                raise NotFound(f"The delivery {quarantined} is in quarantine no more.")
        outcome, found, version, status, before, trail = answer
        return Applied(Outcome(outcome), found, version, Status(status), Status(before), Trail(trail))

    def put(self, report: Report, now: datetime, told: Told, *, job_id: str | None, silence: timedelta) -> None:
        """The same without waiting: `told` gets the script's answer (outcome, job id, version, status, status before,
        trail), UNKNOWN where no job of ours is meant, or what went wrong. Raises StoreUnavailable."""
        self._news.put(news(report, now, job_id, silence), told)

    def _news_of(self, documents: Sequence[dict[str, Any]]) -> tuple[bytes, ...]:
        return self._scripts.command("apply", pack(documents))

    async def _apply(self, documents: Sequence[dict[str, Any]]) -> bytes:
        reply: bytes = await self._write("apply", pack(documents))
        return reply

    @served
    async def own(self, job_id: str, tracked: Tracked, now: datetime) -> bool:
        """Gives a stranger to whoever registers it; False where it is somebody's already."""
        labels = json.dumps(dict(tracked.labels)) if tracked.labels else ""
        await self.layouts.bring(job_id)
        return bool(await self._scripts.run("own", job_id, STRANGERS_OWNER, tracked.owner, labels, to_ms(now)))

    @served
    async def mask(self, job_id: str) -> bytes | None:
        mask: bytes | None = await self._redis.get(name("mask", job_id))
        return mask

    async def gauges(self, now: datetime) -> Gauges:
        """How much there is of everything, for machines."""
        return await read_gauges(self._redis, now)

    async def figures(self, now: datetime, owner: str | None = None) -> Figures:
        """How it goes, for people; of one owner, or of everybody."""
        return await read_figures(self._redis, owner, now)

    @served
    async def condition(self) -> Condition:
        """How this Redis is. Raises StoreUnavailable also where INFO is forbidden."""
        return await read_condition(self._redis)


def _answers(reply: bytes) -> list[Any]:
    """The script's to each piece of news; an error to one that failed."""
    return [_failed(answer[1]) if answer[0] == "error" else answer for answer in unpack(reply)]


def _failed(told: str) -> ResponseError | list[str]:
    return UNKNOWN if WRONG_TYPE in told else ResponseError(told)


def _reading_of(job_ids: Sequence[str]) -> tuple[bytes, ...]:
    return (b"MGET", *(name("job", job_id).encode() for job_id in job_ids))


def _adoption(report: Report, now: datetime, tracked_by: Tracked | None) -> dict[str, Any]:
    """For a change that may find a stranger. His id tells when he was made, as far as is known."""
    tracked = tracked_by or Tracked(STRANGERS_OWNER)
    return adoption(new_id(min(now, report.completed_at or now)), tracked.owner, tracked.labels)


def _digest(owner: str, key: str) -> str:
    return hashlib.sha256(f"{owner}\n{key}".encode()).hexdigest()


async def _reply(answer: Any) -> Any:
    """Awaits what redis-py's types call "awaitable or not", since they serve both of its clients."""
    return await answer

"""What holds in Redis after every test, whatever the test did."""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import Redis

from tests import records
from tracker.job import Status
from tracker.store.connection import connect
from tracker.store.keys import LAYOUT, name, prefix
from tracker.store.wire import Stored, read_record

_TIMED = {"mask", "hold", "quiet", "probe", "polls", "minute", "hour", "day", "quarantine", "deliveries", "refusals",
          "audit", "idempotency", "alias", "signedout", "migrating"}  # fmt: skip


@asynccontextmanager
async def kept(redis_url: str) -> AsyncIterator[Redis]:
    """An empty Redis, checked at the end."""
    client = connect(redis_url, reply_within=10)
    await client.flushall()
    yield client
    try:
        await check(client)
    finally:
        await client.aclose()


async def check(redis: Redis) -> None:
    """Every key is of the layout and has the lifetime it should; indexes agree with records."""
    keys = [key.decode() for key in await redis.keys(f"{prefix()}*")]
    for key in keys:
        await _check_lifetime(redis, key)
    ids = [key.rpartition(":")[2] for key in keys if key.startswith(f"{prefix()}job:")]
    jobs = [stored for job_id in ids if (stored := read_record(job_id, await redis.get(name("job", job_id))))]
    await _check_indexes(redis, keys, jobs)


async def _check_lifetime(redis: Redis, key: str) -> None:
    kind = key.removeprefix(prefix()).partition(":")[0]
    assert kind in {layout.name for layout in LAYOUT}, f"{key} is not in the layout"
    permanent = await redis.ttl(key) == -1
    assert not (permanent and kind in _TIMED), f"{key} has no TTL"


async def _check_indexes(redis: Redis, keys: list[str], jobs: list[Stored]) -> None:
    by_id = {stored.job.id: stored for stored in jobs}
    assert await _members(redis, name("jobs")) == set(by_id)
    for key in {*keys, *(name("parent", one.job.parent_job_id) for one in jobs if one.job.parent_job_id)}:
        kind, _, part = key.removeprefix(prefix()).partition(":")
        if kind in ("status", "owner", "parent", "label"):
            expected = {job_id for job_id, stored in by_id.items() if _belongs(stored, kind, part)}
            assert await _members(redis, key) == expected, key
    bound = {stored.job.upstream_job_id: job_id for job_id, stored in by_id.items() if stored.job.upstream_job_id}
    upstream = await _hash(redis, name("upstream"))
    assert {up.decode(): ours.decode() for up, ours in upstream.items()} == bound
    pending = {job_id for job_id, stored in by_id.items() if stored.job.status is Status.PENDING}
    final = {job_id for job_id, stored in by_id.items() if stored.job.status.is_final}
    await _check_queue(redis, keys, {job_id: by_id[job_id].job.owner for job_id in pending})
    assert await _members(redis, name("finished")) == final
    masks = {key.rpartition(":")[2] for key in keys if key.startswith(f"{prefix()}mask:")}
    assert masks <= pending
    sizes = [(await records.read(redis, job_id)).get("maskBytes", 0) for job_id in by_id]
    assert int(await redis.get(name("maskbytes")) or 0) == sum(sizes)
    await _check_slots(redis, by_id, final)
    await _check_counts(redis, keys, by_id)


async def _check_queue(redis: Redis, keys: list[str], pending: dict[str, str]) -> None:
    """Each pending job waits among its owner's, or has a slot; owners take turns while one of theirs waits."""
    claimed, waiting, owners = await _members(redis, name("claimed")), set[str](), set[str]()
    for key in keys:
        if key.startswith(name("queue", "")):
            owner, ids = key.removeprefix(name("queue", "")), await _members(redis, key)
            assert {pending.get(job_id) for job_id in ids} == {owner}
            waiting, owners = waiting | ids, owners | {owner}
    assert waiting | claimed == set(pending)
    assert not waiting & claimed
    assert await _members(redis, name("turns")) == owners


async def _check_slots(redis: Redis, jobs: dict[str, Stored], final: set[str]) -> None:
    """A slot is held by each job of ours that was accepted and has not ended, and by no stranger."""
    inflight = await _members(redis, name("inflight"))
    assert not inflight & final
    running = {job_id for job_id, stored in jobs.items() if stored.job.status in (Status.QUEUED, Status.PROCESSING)}
    assert {job_id for job_id in running if jobs[job_id].attempts} <= inflight
    assert all(jobs[job_id].attempts for job_id in inflight)
    outbox = {member.removeprefix("lookup:") for member in await _members(redis, name("outbox"))}
    assert running <= outbox
    assert {job_id for job_id in jobs if "disputed" in await records.read(redis, job_id)} <= outbox
    assert await _members(redis, name("claimed")) <= inflight


async def _check_counts(redis: Redis, keys: list[str], jobs: dict[str, Stored]) -> None:
    """Figures that are kept are those that would be counted."""
    inflight, counted = await _members(redis, name("inflight")), defaultdict[str, Counter[str]](Counter)
    for job_id, stored in jobs.items():
        for owner in ("*", stored.job.owner):
            counted[owner].update([stored.job.status, *(["inflight"] if job_id in inflight else [])])
    kept = [key.removeprefix(name("counts", "")) for key in keys if key.startswith(name("counts", ""))]
    found = {owner: await _hash(redis, name("counts", owner)) for owner in kept}
    assert {owner: {what.decode(): int(n) for what, n in one.items()} for owner, one in found.items()} == counted


def _belongs(stored: Stored, kind: str, part: str) -> bool:
    job = stored.job
    match kind:
        case "status":
            return job.status == part
        case "owner":
            return job.owner == part
        case "parent":
            return job.parent_job_id == part
        case _:
            return part in {f"{label}={value}" for label, value in job.labels.items()}


async def _members(redis: Redis, key: str) -> set[str]:
    return {member.decode() for member in await redis.zrange(key, 0, -1)}


async def _hash(redis: Redis, key: str) -> dict[bytes, bytes]:
    fields: Any = await redis.hgetall(key)  # type: ignore[misc]
    return dict(fields)

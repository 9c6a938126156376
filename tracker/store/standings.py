"""Of very many jobs at once, as little as tells what may be done to each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from redis.asyncio import Redis

from tracker.clock import to_ms
from tracker.job import Status
from tracker.store.keys import name
from tracker.store.wire import unpack

AT_ONCE = 500
"""Jobs in one round trip: Redis serves others in between."""


@dataclass(frozen=True)
class Standing:
    """`known_upstream`: Apiframe has accepted it. `holds_slot`: that, or an attempt is under way or in doubt."""

    job_id: str
    status: Status
    known_upstream: bool
    holds_slot: bool


async def resolve(redis: Redis, either_ids: Sequence[str]) -> dict[str, str]:
    """Our id by each that was given, ours or upstream's; those that name no job are left out."""
    found: dict[str, str] = {}
    for some in _portions(either_ids):
        async with redis.pipeline(transaction=False) as pipe:
            for either_id in some:
                pipe.exists(name("job", either_id))
                pipe.hget(name("upstream"), either_id)
                pipe.get(name("alias", either_id))
            answers = iter(await pipe.execute())
        for either_id, there, ours, first in zip(some, answers, answers, answers, strict=True):
            if there or ours or first:
                found[either_id] = either_id if there else (ours or first).decode()
    return found


async def read_standings(redis: Redis, job_ids: Sequence[str]) -> list[Standing]:
    """In the order of the ids; those that are gone are left out."""
    found: list[Standing] = []
    for some in _portions(job_ids):
        async with redis.pipeline(transaction=False) as pipe:
            for job_id in some:
                pipe.get(name("job", job_id))
                pipe.zscore(name("inflight"), job_id)
            answers = iter(await pipe.execute())
        for job_id, record, slot in zip(some, answers, answers, strict=True):
            if record:
                fields = unpack(record)
                known = "upstreamJobId" in fields
                found.append(Standing(job_id, Status(fields["status"]), known, slot is not None))
    return found


async def bring_lookups_forward(redis: Redis, moments: Mapping[str, datetime]) -> set[str]:
    """Upstream is asked about each by then, if not before. Ids of those about which it is to be asked at all."""
    waiting: set[str] = set()
    for some in _portions(list(moments)):
        members = [f"lookup:{job_id}" for job_id in some]
        async with redis.pipeline(transaction=False) as pipe:
            due = {member: to_ms(moments[job_id]) for member, job_id in zip(members, some, strict=True)}
            pipe.zadd(name("outbox"), due, xx=True, lt=True)
            pipe.zmscore(name("outbox"), members)
            _, scores = await pipe.execute()
        waiting |= {job_id for job_id, score in zip(some, scores, strict=True) if score is not None}
    return waiting


def _portions(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[start : start + AT_ONCE] for start in range(0, len(ids), AT_ONCE)]

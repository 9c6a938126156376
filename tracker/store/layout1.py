"""Layout 1, and how a job of it comes to be one of layout 2.

In layout 1 a record was a hash, with every value as text, and its history a list of JSON beside it; the lines of the
log of deliveries were JSON. Nothing else was otherwise.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
from redis.asyncio import Redis

from tracker.clock import to_ms
from tracker.ids import made_at
from tracker.job import MaskFacts, Result
from tracker.store.deliveries import KEPT, Line, LoggedDelivery, member_of
from tracker.store.history import WORDS
from tracker.store.keys import name, prefix
from tracker.store.scripts import source
from tracker.store.wire import pack, short_mask, short_result

log = structlog.get_logger()
TRIES = 3
"""Somebody else may bring a job over, too, or remove it."""
_NUMBERS = ("progress", "version", "seq", "creditCost", "attempts", "attemptAt", "misses", "missingSince", "maskBytes",
            "submittedAt", "startedAt", "completedAt", "updatedAt", "resultExpiresAt", "doubtful", "rekeyed", "short",
            "inferred", "disputed", "arbitrated")  # fmt: skip
_EVER_THERE = ("progress", "version", "seq", "creditCost")
"""Of the others, 0 is nothing."""


async def of_these(redis: Redis, job_ids: Sequence[str]) -> list[str]:
    """Those whose records are of layout 1."""
    async with redis.pipeline(transaction=False) as pipe:
        for job_id in job_ids:
            pipe.type(name("job", job_id))
        kinds = await pipe.execute()
    return [job_id for job_id, kind in zip(job_ids, kinds, strict=True) if kind == b"hash"]


async def bring(redis: Redis, job_ids: Sequence[str]) -> int:
    """Brings these over; returns how many there were."""
    swap, found = redis.register_script(source("swap")), 0
    for _ in range(TRIES):
        old = await of_these(redis, job_ids)
        if not old:
            break
        read = await _read(redis, old)
        async with redis.pipeline(transaction=False) as pipe:
            for job_id, dump, record in read:
                await swap([prefix()], [job_id, dump, record], client=pipe)
            found += sum(await pipe.execute())
    return found


async def _read(redis: Redis, job_ids: Sequence[str]) -> list[tuple[str, bytes, bytes]]:
    """Of each that is still there: its id, what it is in Redis, and what it is to be. One that cannot be read stays."""
    async with redis.pipeline(transaction=True) as pipe:
        for job_id in job_ids:
            pipe.dump(name("job", job_id))
            pipe.hgetall(name("job", job_id))
            pipe.lrange(name("history", job_id), 0, -1)
        answers = iter(await pipe.execute())
    read = []
    for job_id, dump, fields, lines in zip(job_ids, answers, answers, answers, strict=True):
        try:
            read += [(job_id, dump, record_of(job_id, fields, lines))] if fields else []
        except (KeyError, ValueError) as error:
            log.error("a job of layout 1 cannot be read, and stays", job_id=job_id, error=type(error).__name__)
    return read


def record_of(job_id: str, flat: Mapping[bytes, bytes], lines: Sequence[bytes]) -> bytes:
    """Today's record."""
    fields = {key.decode(): value.decode("utf-8", "surrogateescape") for key, value in flat.items()}
    record: dict[str, Any] = {key: value for key, value in fields.items() if key not in _NUMBERS}
    numbers = {key: _number(fields[key]) for key in _NUMBERS if key in fields}
    record |= {key: value for key, value in numbers.items() if value or key in _EVER_THERE}
    if "webhookUrl" in record:
        record["webhooks"] = record.pop("webhookUrl").removesuffix(job_id)
    if "mask" in record:
        record["mask"] = short_mask(MaskFacts.model_validate_json(record["mask"]))
    if "result" in record:
        record["result"] = short_result(Result.model_validate_json(record["result"]))
    created = to_ms(made_at(job_id))
    return pack(record | {"history": b"".join(_line(created, line) for line in lines)})


def _number(text: str) -> float:
    value = float(text)
    return int(value) if value.is_integer() else value


def _line(created: int, line: bytes) -> bytes:
    """As `remember` in _prelude.lua writes it."""
    entry = json.loads(line)
    detail = entry.get("detail") or {}
    told = detail.pop("progress", None)
    words = (WORDS.index(entry[what]) for what in ("source", "type", "status"))
    packed = [entry["seq"], entry["at"] - created, *words, entry["progress"], WORDS.index(entry["outcome"])]
    if told is not None or detail:
        packed.append(False if told is None else told == entry["progress"] or told)
    if detail:
        packed.append(json.dumps(detail, separators=(",", ":")))
    return pack(packed)


async def bring_logs(redis: Redis) -> int:
    """The lines of the log of deliveries; returns how many there were."""
    found = 0
    for shelf in KEPT:
        for member in await redis.zrange(shelf, 0, -1):
            if member[36:37] == b"{":
                async with redis.pipeline(transaction=True) as pipe:
                    pipe.zadd(shelf, {_packed(member): 0})
                    pipe.zrem(shelf, member)
                    await pipe.execute()
                found += 1
    return found


def _packed(member: bytes) -> bytes:
    told = LoggedDelivery.model_validate_json(member[36:])
    return member_of(member[:36].decode(), Line(*(getattr(told, field) for field in Line._fields)))

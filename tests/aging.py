"""Redis as an older version of this program has left it: what layout 1 was, by its own build and by our own hand."""

import json
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from tests import records
from tracker.clock import to_ms
from tracker.store.history import read_history
from tracker.store.keys import name
from tracker.store.wire import as_bytes, whole_mask, whole_result

LEFT = json.loads((Path(__file__).parent / "data" / "layout-1.json").read_text("utf-8"))
"""`keys`: all that the last build of layout 1 had in Redis after jobs in every state, as [type, whether it had a
lifetime, value]; `told`: what it told of each job; `deliveries`: and of its log."""


async def restore(redis: Redis) -> None:
    """What that build left."""
    async with redis.pipeline(transaction=True) as pipe:
        for key, (kind, lives, value) in LEFT["keys"].items():
            _write(pipe, kind, key.encode("latin-1"), value)
            if lives:
                pipe.expire(key.encode("latin-1"), 1000)
        await pipe.execute()


def _write(pipe: Any, kind: str, key: bytes, value: Any) -> None:
    match kind:
        case "hash":
            pipe.hset(key, mapping={_raw(field): _raw(text) for field, text in value.items()})
        case "list":
            pipe.rpush(key, *map(_raw, value))
        case "zset":
            pipe.zadd(key, {_raw(member): score for member, score in value})
        case _:
            pipe.set(key, _raw(value))


def _raw(text: str) -> bytes:
    return text.encode("latin-1")


async def age(redis: Redis) -> int:
    """Makes every record one of layout 1, and takes the stamp away; returns how many there were."""
    job_ids = [job_id.decode() for job_id in await redis.zrange(name("jobs"), 0, -1)]
    for job_id in job_ids:
        fields, lines = _aged(job_id, await records.read(redis, job_id))
        async with redis.pipeline(transaction=True) as pipe:
            pipe.delete(name("job", job_id))
            pipe.hset(name("job", job_id), mapping=fields)
            pipe.rpush(name("history", job_id), *lines)
            await pipe.execute()
    await redis.delete(name("layout"))
    return len(job_ids)


def _aged(job_id: str, record: dict[str, Any]) -> tuple[dict[str, bytes], list[str]]:
    history = read_history(job_id, as_bytes(record.pop("history")))
    if "webhooks" in record:
        record["webhookUrl"] = f"{prefix}{job_id}" if (prefix := record.pop("webhooks")) else ""
    if "mask" in record:
        record["mask"] = json.dumps(whole_mask(record["mask"]))
    if "result" in record:
        record["result"] = json.dumps(whole_result(record["result"]))
    lines = [json.dumps(one.model_dump(mode="json", by_alias=True) | {"at": to_ms(one.at)}) for one in history]
    return {field: as_bytes(str(value)) for field, value in record.items()}, lines

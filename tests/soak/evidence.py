"""What is found when all is over: upstream's own record, and everything that lies in Redis."""

import json
import traceback
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from redis.asyncio import Redis

from tests import invariants
from tests.door import UPSTREAM_KEY
from tests.soak.callers import Told
from tests.soak.parts import Parts, caller_key
from tests.soak.plan import OWNERS, How
from tracker.job import HistoryEntry
from tracker.store.jobs import JobStore
from tracker.store.keys import prefix
from tracker.store.pages import Filter
from tracker.store.wire import Stored

PNG = (b"\x89PNG\r\n\x1a\n", b"iVBORw0KGgo")
"""How every PNG begins, as bytes and in base64."""
QUEUE_KEY = "inpaint:arq"
"""arq's index of its messages: their entries go with them."""
SECRETS = (UPSTREAM_KEY, PNG[1].decode(), *map(caller_key, OWNERS))


@dataclass(frozen=True)
class Ours:
    """A job of ours as it is in Redis."""

    stored: Stored
    history: Sequence[HistoryEntry]

    @property
    def settled_at(self) -> datetime | None:
        """When it became final, None while it is not."""
        return next((entry.at for entry in self.history if entry.status.is_final), None)


@dataclass(frozen=True)
class Upstream:
    """What the stand-in knows: `jobs` that were submitted to it, `charges` by job, `deliveries` by answer.

    `misjudged` are deliveries that were refused though they were signed as they should be, or taken though not.
    """

    jobs: Sequence[Mapping[str, Any]]
    charges: Counter[str]
    deliveries: Counter[str]
    misjudged: Sequence[str] = ()


@dataclass(frozen=True)
class Evidence:
    """`calm_at` is the end of the last fault. `leftovers` are keys that hold a mask's bytes, `untimed` those without a
    lifetime or a reason, `troubles` what the processes' logs tell of errors and unexpected ends."""

    told: Told
    calm_at: datetime
    ours: Mapping[str, Ours]
    upstream: Upstream
    leftovers: Sequence[str] = ()
    untimed: Sequence[str] = ()
    disagreement: str = ""
    troubles: Sequence[str] = ()
    strikes: Counter[str] = field(default_factory=Counter)
    blows: Counter[tuple[How, str]] = field(default_factory=Counter)
    seconds: float = 0


async def upstreams(client: httpx.AsyncClient) -> Upstream:
    jobs = (await client.get("/sandbox/jobs")).raise_for_status().json()["jobs"]
    ledger = (await client.get("/sandbox/ledger")).raise_for_status().json()["entries"]
    log = (await client.get("/sandbox/log")).raise_for_status().json()["entries"]
    deliveries = [line for line in log if line["kind"] == "delivery"]
    return Upstream(
        jobs=[job for job in jobs if job["input"]["action"] == "inpaint"],
        charges=Counter(entry["jobId"] for entry in ledger if entry["reason"] == "charge"),
        deliveries=Counter(line["outcome"] for line in deliveries),
        misjudged=[line["line"] for line in deliveries if misjudged(line)],
    )


def misjudged(delivery: Mapping[str, Any]) -> bool:
    """Of one that was answered neither way, because nobody was there or Redis was not, nothing can be said."""
    foul = not {"forged", "unsigned"}.isdisjoint(delivery["faults"])
    outcome: str = delivery["outcome"]
    return outcome == ("200" if foul else "401")


async def ours(store: JobStore) -> dict[str, Ours]:
    """Every job there is, by its id."""
    return {one.job.id: Ours(one, await store.history(one.job.id)) async for one in _every(store)}


async def _every(store: JobStore) -> AsyncIterator[Stored]:
    below: str | None = None
    while True:
        page = await store.page(Filter(), 100, below)
        for one in page.jobs:
            yield one
        if (below := page.next_cursor) is None:
            return


async def leftovers(redis: Redis) -> list[str]:
    """Keys with a mask in them, be it as bytes or in base64."""
    return [key async for key in _keys(redis) if _holds_png(await _content(redis, key))]


def _holds_png(content: bytes) -> bool:
    return any(sign in content for sign in PNG)


async def _content(redis: Redis, key: str) -> bytes:
    reply: Any
    match (await redis.type(key)).decode():
        case "string":
            return await redis.get(key) or b""
        case "hash":
            reply = await redis.hgetall(key)  # type: ignore[misc]
        case "list":
            reply = await redis.lrange(key, 0, -1)  # type: ignore[misc]
        case "zset":
            reply = await redis.zrange(key, 0, -1)
        case "stream":
            reply = [fields for _, fields in await redis.xrange(key)]
        case other:
            raise AssertionError(f"{key} is a {other}")
    return b"\n".join(_flat(reply))


def _flat(reply: Any) -> Iterable[bytes]:
    match reply:
        case bytes():
            yield reply
        case dict():
            for pair in reply.items():
                yield from _flat(pair)
        case list() | tuple():
            for part in reply:
                yield from _flat(part)


async def untimed(redis: Redis) -> list[str]:
    """Keys beside our layout that would stay for ever; the layout's own are looked at by `disagreement`."""
    foreign = [key async for key in _keys(redis) if not key.startswith(prefix()) and key != QUEUE_KEY]
    return [key for key in foreign if await redis.ttl(key) == -1]


async def _keys(redis: Redis) -> AsyncIterator[str]:
    async for key in redis.scan_iter(count=1000):
        yield key.decode()


async def disagreement(redis: Redis) -> str:
    """What the invariants find, which hold after every test: lifetimes, and indexes that agree with records."""
    try:
        await invariants.check(redis)
    except AssertionError as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        return f"{where.name}: {where.line} {error}"
    return ""


def troubles(parts: Parts) -> list[str]:
    """Errors, tracebacks, keys and masks in the logs, and processes that ended by themselves."""
    logs = [parts.sandbox.log, *(part.log for part in parts.killable.values() if part.name != "redis")]
    return [*parts.departures(), *(trouble for log in logs for trouble in _said(log))]


def _said(log: Path) -> Iterable[str]:
    for line in log.read_text("utf-8", errors="replace").splitlines():
        if any(secret in line for secret in SECRETS):
            yield f"{log.stem}: a key or a mask is in the log"
        if "Traceback" in line or _level(line) in ("error", "critical"):
            yield f"{log.stem}: {line[:600]}"


def _level(line: str) -> str:
    """Of a line that a kill cut off, none."""
    try:
        return str(json.loads(line).get("level", ""))
    except (ValueError, AttributeError):
        return ""

"""Genuine deliveries that could not be read, kept whole until somebody replays or deletes them.

Only what was verified gets in, so what comes out is a `Delivery` again.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, cast

from redis.asyncio import Redis

from tracker.apiframe.signature import Delivery, SecretForm, verified_before
from tracker.clock import from_ms
from tracker.errors import NotFound
from tracker.store.connection import served
from tracker.store.keys import name
from tracker.store.stats import count_quarantined

LENGTH = 1000
PAGE_BYTES = 4 * 1024 * 1024
"""Bodies that a page holds, about: it ends early where they are large."""
_LOOKED_AT_ONCE = 10
_ENTRY_ID = re.compile(r"(0|[1-9][0-9]{0,18})-(0|[1-9][0-9]{0,18})")
"""As Redis names entries of a stream; it takes nothing beyond 64 bits."""


@dataclass(frozen=True)
class Quarantined:
    """`address` is the job that the delivery came to, `why` what kept it from being read then."""

    id: str
    delivery: Delivery
    address: str | None
    why: str

    @property
    def at(self) -> datetime:
        return from_ms(self.id.partition("-")[0])


@dataclass(frozen=True)
class QuarantinePage:
    """`next_cursor` is the id below which the next page begins, None on the last one."""

    entries: list[Quarantined] = field(default_factory=list)
    next_cursor: str | None = None


class Quarantine:
    """Methods raise StoreUnavailable where Redis does not serve them. `JobStore.apply` takes an entry out."""

    def __init__(self, redis: Redis, retention: timedelta) -> None:
        self._redis = redis
        self._retention = retention

    @served
    async def keep(self, delivery: Delivery, address: str | None, why: str, now: datetime) -> str:
        """Returns the entry's id."""
        fields: Mapping[Any, Any] = {
            "body": delivery.body,
            "form": delivery.secret_form,
            "key": delivery.key_index,
            "address": address or "",
            "why": why,
        }
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.xadd(name("quarantine"), dict(fields), maxlen=LENGTH, approximate=True)
            pipe.expire(name("quarantine"), self._retention)
            count_quarantined(pipe, now)
            added, *_ = await pipe.execute()
        return str(added.decode())

    @served
    async def get(self, entry_id: str) -> Quarantined:
        """Raises NotFound."""
        entries = await self._between(entry_id, entry_id, 1) if _ENTRY_ID.fullmatch(entry_id) else []
        if not entries:
            raise _not_there(entry_id)
        return entries[0]

    @served
    async def delete(self, entry_id: str) -> None:
        """Raises NotFound, also for the second of two who delete it."""
        if not (_ENTRY_ID.fullmatch(entry_id) and await self._redis.xdel(name("quarantine"), entry_id)):
            raise _not_there(entry_id)

    @served
    async def page(self, limit: int, below: str | None = None) -> QuarantinePage:
        """Newest first, from the id `below` on."""
        found: list[Quarantined] = []
        more, size = True, 0
        while more and len(found) <= limit and size < PAGE_BYTES:
            count = min(_LOOKED_AT_ONCE, limit + 1 - len(found))
            entries = await self._between("-", f"({below}" if below else "+", count)
            more = len(entries) == count
            found += entries
            size += sum(len(entry.delivery.body) for entry in entries)
            below = entries[-1].id if entries else below
        shown = found[:-1] if more else found[:limit]
        return QuarantinePage(shown, shown[-1].id if len(found) > len(shown) else None)

    @served
    async def count(self) -> int:
        return int(await self._redis.xlen(name("quarantine")))

    async def _between(self, lower: str, upper: str, count: int) -> list[Quarantined]:
        entries: list[tuple[bytes, dict[bytes, bytes]]] = await self._redis.xrevrange(
            name("quarantine"), upper, lower, count
        )
        return [_entry(entry_id.decode(), fields) for entry_id, fields in entries]


def _not_there(entry_id: str) -> NotFound:
    return NotFound(f"There is no delivery {entry_id!r:.42} in quarantine: it was replayed or deleted, or is too old.")


def _entry(entry_id: str, fields: dict[bytes, bytes]) -> Quarantined:
    form = cast(SecretForm, fields[b"form"].decode())
    return Quarantined(
        id=entry_id,
        delivery=verified_before(fields[b"body"], form, int(fields[b"key"])),
        address=fields[b"address"].decode() or None,
        why=fields[b"why"].decode(),
    )

"""How a Redis is: which one, what it keeps on disk, what it throws away, how much it holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis

OLDEST = (7, 0)
NOEVICTION = "noeviction"
NEARLY = 0.8
"""Of the limit, as in deploy/prometheus/alerts.yaml."""


@dataclass(frozen=True)
class Condition:
    """`used` and `limit` in bytes, `limit` 0 where there is none. `written`: whether the last write to the append-only
    file went well, None where there is no such file, or nothing is told of it."""

    known_as: str
    version: tuple[int, ...]
    append_only: bool
    written: bool | None
    policy: str
    used: int
    limit: int

    @property
    def is_too_old(self) -> bool:
        return self.version < OLDEST

    @property
    def is_nearly_full(self) -> bool:
        return self.limit > 0 and self.used > NEARLY * self.limit

    @property
    def evicts(self) -> bool:
        """Jobs may be thrown away: now, or once a limit is set."""
        return self.policy != NOEVICTION


async def read_condition(redis: Redis) -> Condition:
    """Raises what redis-py raises; INFO may be forbidden to our user."""
    return condition_of(await redis.info())


def memory_and_file(answer: object) -> Condition | None:
    """Of an INFO of these two sections within a pipeline; None where our user may not ask."""
    return condition_of(answer) if isinstance(answer, dict) else None


def condition_of(info: Mapping[str, Any]) -> Condition:
    version = str(info.get("redis_version", "0"))
    append_only, status = bool(int(info.get("aof_enabled", 0))), info.get("aof_last_write_status")
    return Condition(
        known_as=f"Valkey {info['valkey_version']}" if "valkey_version" in info else f"Redis {version}",
        version=tuple(int(part) for part in version.split(".")[:2] if part.isdigit()),
        append_only=append_only,
        written=status == "ok" if append_only and status else None,
        policy=str(info.get("maxmemory_policy", NOEVICTION)),
        used=int(info.get("used_memory", 0)),
        limit=int(info.get("maxmemory", 0)),
    )

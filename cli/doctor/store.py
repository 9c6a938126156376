"""Redis: reachable, new enough, kept on disk, never evicting, and its clock."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

from redis.asyncio import Redis

from cli.doctor import clock
from cli.doctor.finding import Finding, ok, problem, warning
from tracker.settings import Settings
from tracker.store.connection import UNAVAILABLE, connect

OLDEST = (7, 0)
SKEW_SECONDS = 2.0
Info = Mapping[str, Any]


async def examine(settings: Settings) -> list[Finding]:
    findings = await _look("Redis", settings.redis_url.get_secret_value())
    if settings.queue_redis_url is not None:
        findings += await _look("queue Redis", settings.queue_redis_url.get_secret_value())
    return findings


async def _look(check: str, url: str) -> list[Finding]:
    try:
        redis = connect(url)
    except ValueError:
        return [problem(check, "its address cannot be read", "Write it as redis://[user:password@]host:port/database.")]
    try:
        return [*_facts(check, await redis.info()), await _clock(check, redis)]
    except UNAVAILABLE as error:
        text = f"cannot be used: {type(error).__name__}"
        return [
            problem(check, text, "Check the address, the password, that it runs, and that INFO and TIME are allowed.")
        ]
    finally:
        await redis.aclose()


def _facts(check: str, info: Info) -> Iterator[Finding]:
    yield _version(check, info)
    yield _persistence(f"{check} persistence", bool(int(info.get("aof_enabled", 0))))
    yield _eviction(f"{check} eviction", str(info.get("maxmemory_policy", "noeviction")), int(info.get("maxmemory", 0)))


def _version(check: str, info: Info) -> Finding:
    version = str(info.get("redis_version", "0"))
    known_as = f"Valkey {info['valkey_version']}" if "valkey_version" in info else f"Redis {version}"
    if tuple(int(part) for part in version.split(".")[:2] if part.isdigit()) >= OLDEST:
        return ok(check, f"answers; {known_as}")
    return problem(check, f"{known_as} is too old", "Use Redis 7.0 or newer, or Valkey.")


def _persistence(check: str, append_only: bool) -> Finding:
    if append_only:
        return ok(check, "appendonly yes")
    return warning(check, "appendonly no: a restart of Redis forgets the latest jobs, or all", "Set appendonly yes.")


def _eviction(check: str, policy: str, limit: int) -> Finding:
    remedy = "Set maxmemory-policy noeviction."
    if policy == "noeviction":
        return ok(check, "maxmemory-policy noeviction")
    if limit:
        return problem(check, f"maxmemory-policy {policy}: jobs are thrown away when memory is short", remedy)
    return warning(check, f"maxmemory-policy {policy} would throw jobs away, once maxmemory is set", remedy)


async def _clock(check: str, redis: Redis) -> Finding:
    before = time.time()
    seconds, microseconds = await redis.time()
    ours = (before + time.time()) / 2
    return clock.compare(f"{check} clock", seconds + microseconds / 1e6 - ours, SKEW_SECONDS)

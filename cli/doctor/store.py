"""Redis: reachable, new enough, kept on disk, with room, never evicting, and its clock."""

import time
from collections.abc import Awaitable, Callable, Iterator

from redis.asyncio import Redis

from cli.doctor import clock
from cli.doctor.finding import Finding, ok, problem, warning
from tracker.errors import StoreUnavailable
from tracker.settings import Settings
from tracker.store.condition import Condition, read_condition
from tracker.store.connection import UNAVAILABLE, connect, why
from tracker.store.keys import VERSION
from tracker.store.layouts import Layouts

SKEW_SECONDS = 2.0
LAYOUT = "Redis layout"
MIB = 1024 * 1024


async def examine(settings: Settings) -> list[Finding]:
    findings = await _look("Redis", settings.redis_url.get_secret_value(), _layout)
    if settings.queue_redis_url is not None:
        findings += await _look("queue Redis", settings.queue_redis_url.get_secret_value())
    return findings


async def _look(check: str, url: str, *more: Callable[[Redis], Awaitable[Finding]]) -> list[Finding]:
    try:
        redis = connect(url)
    except ValueError:
        return [problem(check, "its address cannot be read", "Write it as redis://[user:password@]host:port/database.")]
    try:
        facts = [*_facts(check, await read_condition(redis)), await _clock(check, redis)]
        return facts + [await look(redis) for look in more]
    except (StoreUnavailable, *UNAVAILABLE) as error:
        return [
            problem(
                check, f"cannot be used: {why(error)}",
                "Check the address, the password, that it runs, and that INFO and TIME are allowed.",
            )
        ]  # fmt: skip
    finally:
        await redis.aclose()


def _facts(check: str, found: Condition) -> Iterator[Finding]:
    yield _version(check, found)
    yield _persistence(f"{check} persistence", found)
    if found.used:
        yield _memory(f"{check} memory", found)
    yield _eviction(f"{check} eviction", found)


def _version(check: str, found: Condition) -> Finding:
    if found.is_too_old:
        return problem(check, f"{found.known_as} is too old", "Use Redis 7.0 or newer, or Valkey.")
    return ok(check, f"answers; {found.known_as}")


def _persistence(check: str, found: Condition) -> Finding:
    if found.written is False:
        text = "appendonly yes, and the last write to its file failed: it refuses whatever is new"
        return problem(check, text, "Make room on its disk, or mend it; Redis then goes on by itself.")
    if found.append_only:
        return ok(check, "appendonly yes")
    return warning(check, "appendonly no: a restart of Redis forgets the latest jobs, or all", "Set appendonly yes.")


def _memory(check: str, found: Condition) -> Finding:
    used = f"{found.used / MIB:,.1f} MiB used"
    if not found.limit:
        return ok(check, f"{used}, without a limit")
    text = f"{used}, of maxmemory {found.limit / MIB:,.1f} MiB"
    if not found.is_nearly_full:
        return ok(check, text)
    return warning(check, f"{text}: once it is full, nothing new is taken", "Raise maxmemory, or lower RETENTION_DAYS.")


def _eviction(check: str, found: Condition) -> Finding:
    remedy = "Set maxmemory-policy noeviction."
    if not found.evicts:
        return ok(check, "maxmemory-policy noeviction")
    if found.limit:
        return problem(check, f"maxmemory-policy {found.policy}: jobs are thrown away when memory is short", remedy)
    return warning(check, f"maxmemory-policy {found.policy} would throw jobs away, once maxmemory is set", remedy)


async def _layout(redis: Redis) -> Finding:
    """Whether this version's processes work with what is there."""
    stamp = await Layouts(redis).stamp(only_look=True)
    if stamp.version > VERSION:
        return problem(LAYOUT, str(stamp.obstacle), "Run the newer version, here as well; this one writes nothing.")
    if stamp.version < VERSION:
        return problem(LAYOUT, str(stamp.obstacle), "Stop the older processes, and start a worker of this version.")
    if stamp.since is not None:
        text = f"{stamp.moved} of {stamp.total} jobs are brought over from layout {stamp.since} to {VERSION}"
        return warning(LAYOUT, text, "Nothing, while the first number grows; else see whether a worker runs.")
    return ok(LAYOUT, f"layout {VERSION}")


async def _clock(check: str, redis: Redis) -> Finding:
    before = time.time()
    seconds, microseconds = await redis.time()
    ours = (before + time.time()) / 2
    return clock.compare(f"{check} clock", seconds + microseconds / 1e6 - ours, SKEW_SECONDS)

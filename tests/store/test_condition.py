"""How a Redis is, read in one place for the doctor and for the dashboard."""

from typing import Any

import pytest

from tracker.store.condition import Condition, condition_of
from tracker.store.jobs import JobStore


async def test_a_real_redis_tells_how_it_is(store: JobStore) -> None:
    """The tests' own keeps nothing on disk and evicts nothing."""
    found = await store.condition()
    assert (found.append_only, found.evicts, found.is_too_old, found.limit) == (False, False, False, 0)
    assert found.used > 0


@pytest.mark.parametrize(
    ("version", "too_old"), [("6.2.14", True), ("7.0.0", False), ("7.2.4", False), ("10.0", False), ("nonsense", True)]
)
def test_a_version_is_compared_by_its_numbers(version: str, too_old: bool) -> None:
    """Not letter by letter."""
    assert condition_of({"redis_version": version}).is_too_old is too_old


def test_what_it_does_not_tell_is_taken_as_usual() -> None:
    """A service in front of it may leave parts out."""
    assert condition_of({}) == Condition("Redis 0", (0,), False, None, "noeviction", 0, 0)
    assert condition_of({"maxmemory_policy": "allkeys-lru"}).evicts
    assert condition_of({"redis_version": "7.2.4", "valkey_version": "9.1.2"}).known_as == "Valkey 9.1.2"


@pytest.mark.parametrize(
    ("info", "written"),
    [
        ({"aof_enabled": 1, "aof_last_write_status": "ok"}, True),
        ({"aof_enabled": 1, "aof_last_write_status": "err"}, False),
        ({"aof_enabled": 1}, None),
        ({"aof_enabled": 0, "aof_last_write_status": "ok"}, None),
    ],
)
def test_the_append_only_file_was_written_or_not_or_nobody_knows(info: dict[str, Any], written: bool | None) -> None:
    """Where there is none, `ok` is said of it, too."""
    assert condition_of(info).written is written


@pytest.mark.parametrize(("used", "limit", "nearly"), [(9, 0, False), (80, 100, False), (81, 100, True)])
def test_four_fifths_of_the_limit_are_nearly_all(used: int, limit: int, nearly: bool) -> None:
    """If there is one."""
    assert condition_of({"used_memory": used, "maxmemory": limit}).is_nearly_full is nearly

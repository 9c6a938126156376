"""How a Redis is, read in one place for the doctor and for the dashboard."""

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
    assert condition_of({}) == Condition("Redis 0", (0,), False, "noeviction", 0, 0)
    assert condition_of({"maxmemory_policy": "allkeys-lru"}).evicts
    assert condition_of({"redis_version": "7.2.4", "valkey_version": "9.1.2"}).known_as == "Valkey 9.1.2"

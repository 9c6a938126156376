"""The audit list: bounded, in order, each entry once; and what becomes of one that Redis could not take."""

from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from redis.asyncio import Redis

from tests.redis_server import redis_server
from tests.samples import START
from tracker.errors import StoreUnavailable
from tracker.ids import new_id
from tracker.store import audit as module
from tracker.store.audit import Audit, AuditEntry, WantedEntries
from tracker.store.connection import connect
from tracker.store.keys import name

DAY = timedelta(days=1)


@pytest.fixture
def audit(redis: Redis) -> Audit:
    return Audit(redis, DAY)


def entry(seconds: float, by: str = "ops", action: str = "queue.pause", **details: object) -> AuditEntry:
    at: datetime = START + timedelta(seconds=seconds)
    return AuditEntry(id=new_id(at), at=at, by=by, action=action, job_id=None, details=details)


async def shown(audit: Audit, wanted: WantedEntries = WantedEntries()) -> list[AuditEntry]:  # noqa: B008
    """All of them, three on a page."""
    page = await audit.page(wanted, 3)
    found = page.entries
    while page.next_cursor:
        page = await audit.page(wanted, 3, page.next_cursor)
        found += page.entries
    return found


async def test_entries_come_back_as_they_went_newest_first(audit: Audit) -> None:
    """In the order of what was done, not of writing; filters narrow."""
    late, early, other = entry(3, reason="why"), entry(1), entry(2, "root", "queue.resume")
    for one in (late, early, other):
        await audit.write(one)
    assert await shown(audit) == [late, other, early]
    assert await shown(audit, WantedEntries(by="root")) == [other]
    assert await shown(audit, WantedEntries(by="root", action="queue.pause")) == []


async def test_an_entry_that_was_written_before_is_there_once(audit: Audit) -> None:
    """Redis may have taken one whose answer was lost."""
    one = entry(1)
    for _ in range(2):
        await audit.write(one)
    assert await shown(audit) == [one]


async def test_an_action_of_a_newer_version_is_shown(audit: Audit) -> None:
    """By a process that does not know the word."""
    await audit.write(entry(1, action="moon.launch"))
    assert [one.action for one in await shown(audit)] == ["moon.launch"]


async def test_the_oldest_go_and_the_rest_after_its_time(
    audit: Audit, redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each entry that comes puts the end off."""
    monkeypatch.setattr(module, "KEPT", 7)
    monkeypatch.setattr(module, "LOOKED_AT_ONCE", 2)
    entries = [entry(n, by=str(n % 2)) for n in range(9)]
    for one in entries:
        await audit.write(one)
    assert await shown(audit) == entries[:1:-1]
    assert await shown(audit, WantedEntries(by="1")) == [entries[7], entries[5], entries[3]]
    assert 0 < await redis.ttl(name("audit")) <= DAY.total_seconds()


async def test_what_redis_could_not_take_goes_when_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the next entry, or the next look at the list; of very many, the newest."""
    monkeypatch.setattr(module, "WAITING", 3)
    entries = [entry(n) for n in range(6)]
    with TemporaryDirectory(prefix="it-") as folder:
        redis = connect(f"unix://{folder}/r.sock")
        audit = Audit(redis, DAY)
        for one in entries[:5]:
            with pytest.raises(StoreUnavailable):
                await audit.write(one)
        with redis_server(Path(folder)):
            assert await shown(audit) == entries[4:1:-1]
            await audit.write(entries[5])
            assert await shown(audit) == entries[5:1:-1]
        await redis.aclose()

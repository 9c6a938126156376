"""The script that is a function of Redis, too: versions beside each other, what is kept between calls, and without."""

from typing import Any, cast

import msgpack
import pytest
from redis.asyncio import Redis

from tests.samples import SILENCE, START, Sample, delivered
from tests.store.crowds import many, told, until_over_the_line
from tracker.errors import NotFound, StoreUnavailable
from tracker.events import Missing
from tracker.job import Outcome, Status
from tracker.store.connection import connect
from tracker.store.jobs import JobStore
from tracker.store.keys import name
from tracker.store.library import Library
from tracker.store.scripts import applying
from tracker.store.wire import pack
from tracker.transitions import State

OURS = Library("apply", applying()).name
OLD = Library("apply", "return function() return { KEYS[1], ARGV[1] } end")


async def loaded(redis: Redis) -> set[str]:
    listed: list[list[Any]] = await cast(Any, redis.function_list())
    return {library[1].decode() for library in listed}


async def test_a_function_sees_the_keys_and_arguments_of_its_call(redis: Redis) -> None:
    await OLD.ensure(redis)
    for key, argument in ((b"one", b"two"), (b"three", b"four")):
        assert await cast(Any, redis).fcall(OLD.name, 1, key, argument) == [key, argument]


async def test_versions_run_beside_each_other_and_the_newer_leaves_nothing_of_the_older(
    store: JobStore, redis: Redis
) -> None:
    """At its start, and only then: the older loads its own again as long as it runs. Others' libraries stay."""
    somebody = "#!lua name=inpaint_of_somebody\nredis.register_function('somebody', function() return 1 end)"
    await cast(Any, redis.function_load(somebody, replace=True))
    await OLD.ensure(redis)
    newer = another(store, redis)
    await newer.ready()
    assert await loaded(redis) >= {OURS, "inpaint_of_somebody"}
    assert OLD.name not in await loaded(redis)
    await OLD.ensure(redis)
    await newer.ready()
    assert await loaded(redis) >= {OURS, OLD.name}
    await cast(Any, redis.function_delete("inpaint_of_somebody"))
    await cast(Any, redis.function_delete(OLD.name))


def another(store: JobStore, redis: Redis) -> JobStore:
    return JobStore(redis, retention=store.work.retention, submit_within=store.work.submit_within)


async def calls(redis: Redis, command: str) -> int:
    return int((await redis.info("commandstats")).get(f"cmdstat_{command}", {}).get("calls", 0))


async def test_it_is_what_is_called_where_redis_has_it(store: JobStore, redis: Redis) -> None:
    """And the script where Redis has forgotten it, until somebody asks whether we are ready."""
    samples = await many(store, 3)
    await until_over_the_line(store, redis, samples)
    for forgotten in (False, True, False):
        if forgotten:
            await cast(Any, redis.function_flush())
        else:
            await store.ready()
        functions, scripts = await calls(redis, "fcall"), await calls(redis, "evalsha")
        assert set(await told(store, samples, 60)) <= {Outcome.APPLIED, Outcome.DUPLICATE}
        assert await calls(redis, "fcall") > functions
        assert (await calls(redis, "evalsha") > scripts) is forgotten


async def test_whoever_may_not_load_functions_has_the_script(store: JobStore, redis: Redis) -> None:
    """Nothing rests on it but speed."""
    anything: Any = redis
    await anything.execute_command(
        "ACL", "SETUSER", "plain", "on", "nopass", "~*", "&*", "+@all", "-function", "-fcall"
    )
    limited = connect(f"unix://plain:x@{redis.connection_pool.connection_kwargs['path']}")
    limited_store = another(store, limited)
    await limited_store.ready()
    assert limited_store._scripts.command("apply")[0] == b"EVALSHA"
    samples = await many(limited_store, 3)
    assert set(await told(limited_store, samples, 50)) == {Outcome.APPLIED}
    await limited.aclose()
    await anything.execute_command("ACL", "DELUSER", "plain")


async def test_what_one_change_leaves_behind_is_not_seen_by_the_next(store: JobStore, redis: Redis) -> None:
    """The text runs once: a change that breaks off at its end must not lend its job to the one behind it."""
    sample = await Sample(store).in_state(State.PROCESSING)
    record: bytes = await redis.get(name("job", sample.job.id)) or b""
    await redis.set(name("job", sample.job.id), pack({**msgpack.unpackb(record, raw=True), b"seq": "none"}))
    with pytest.raises(StoreUnavailable):
        await sample.apply(delivered(sample.up, Status.PROCESSING, progress=60))
    with pytest.raises(NotFound):
        await store.apply(Missing(1, lost=False), START, job_id="nobody", silence=SILENCE)
    await redis.set(name("job", sample.job.id), record)
    assert (await sample.apply(delivered(sample.up, Status.PROCESSING, progress=61))).outcome is Outcome.APPLIED


async def test_it_is_found_in_either_protocol(store: JobStore, redis: Redis, redis_url: str) -> None:
    """Of RESP3, a library comes as a map."""
    async with connect(f"{redis_url}?protocol=3") as newer:
        await OLD.ensure(redis)
        await another(store, newer).ready()
        assert await loaded(redis) == {OURS}

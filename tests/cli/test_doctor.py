"""`doctor`: what it finds with the real parts, well and unwell."""

import asyncio
import hashlib
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from redis.asyncio import Redis

from cli.doctor import clock, store
from cli.doctor.finding import Level
from tests.cli.command import execute
from tests.door import UPSTREAM_KEY
from tests.processes import environment, free_port, started
from tests.redis_server import redis_server
from tests.town import Town, town
from tracker.store.condition import condition_of
from tracker.store.keys import name

NOWHERE = "http://127.0.0.1:9"


def settings(here: Town, **changed: str) -> dict[str, str]:
    """The environment of the running service."""
    url, public = here.settings.redis_url.get_secret_value(), str(here.settings.public_url)
    return {"REDIS_URL": url, "APIFRAME_BASE_URL": here.settings.apiframe_base_url, "PUBLIC_URL": public, **changed}


async def examined(folder: Path, **env: str) -> tuple[int, dict[str, list[dict[str, Any]]]]:
    """Exit code, and findings by check. Each that is not well has a remedy, and none a secret."""
    code, out, err = await execute("doctor", "--json", stdin=b"", cwd=folder, **env)
    assert err == ""
    assert UPSTREAM_KEY not in out
    document = json.loads(out)
    found: dict[str, list[dict[str, Any]]] = {}
    for finding in document["findings"]:
        assert (finding["level"] == "ok") == (not finding["remedy"]), finding
        found.setdefault(finding["check"], []).append(finding)
    assert code == (1 if document["problems"] else 0)
    return code, found


def level(found: dict[str, list[dict[str, Any]]], check: str) -> str:
    return str(found[check][-1]["level"])


async def test_a_sound_installation_has_no_problem(here: Town, tmp_path: Path) -> None:
    """Exit code 0, though this Redis keeps nothing on disk and no worker has signed on: these are warnings."""
    code, found = await examined(tmp_path, **settings(here))
    assert code == 0
    unwell = {check for check, [finding, *_] in found.items() if finding["level"] != "ok"}
    assert unwell == {"Redis persistence", "worker"}  # the town's worker is no process of its own
    assert {"settings", "API_KEYS", "Redis", "Redis clock", "Apiframe", "credits", "PUBLIC_URL", "webhooks"} <= set(
        found
    )


async def test_people_get_a_line_for_each_finding_and_its_remedy(here: Town, tmp_path: Path) -> None:
    """And the sum at the end."""
    code, out, _ = await execute("doctor", stdin=b"", cwd=tmp_path, **settings(here))
    assert code == 0
    assert "warning  Redis persistence" in out
    assert "Set appendonly yes." in out
    assert out.splitlines()[-1] == "Problems: 0, warnings: 2."


@pytest.mark.parametrize(
    ("stamp", "level_"),
    [
        ({"version": 3}, "problem"),
        ({"version": 1}, "problem"),
        ({"version": 2, "since": 1, "moved": 7}, "warning"),
        ({"version": 2}, "ok"),
    ],
)
async def test_the_layout_in_redis_is_told(redis: Redis, tmp_path: Path, stamp: dict[str, int], level_: str) -> None:
    """Another than ours, or on the way to it, with how far it is. Looking writes nothing."""
    await redis.hset(name("layout"), mapping=stamp)  # type: ignore[misc]
    url = f"unix://{redis.connection_pool.connection_kwargs['path']}"
    _, found = await examined(tmp_path, REDIS_URL=url, APIFRAME_API_KEY=UPSTREAM_KEY, APIFRAME_BASE_URL=NOWHERE)
    [finding] = found["Redis layout"]
    assert finding["level"] == level_
    assert str(stamp["version"]) in finding["message"]
    assert await redis.keys("*") == [name("layout").encode()]


@pytest.mark.usefixtures("redis")
async def test_a_worker_gives_a_sign_of_life(redis_url: str, tmp_path: Path) -> None:
    """In the Redis of the queue, wherever that is; without one, jobs would stay PENDING."""
    with TemporaryDirectory(prefix="it-") as folder, redis_server(Path(folder)) as queue_url:
        async with asyncio.timeout(40), town(redis_url, worker=False) as here:
            env = settings(here, QUEUE_REDIS_URL=queue_url)
            _, found = await examined(tmp_path, **env)
            assert level(found, "worker") == "warning"
            assert "inpaint-tracker worker" in found["worker"][0]["remedy"]
            worker_env = environment(redis_url, **{**env, "REDIS_URL": redis_url})
            async with started(["cli", "worker"], worker_env, tmp_path / "worker.log") as worker:
                await worker.until_logged("worker started")
                while level((await examined(tmp_path, **env))[1], "worker") != "ok":
                    await asyncio.sleep(0.1)


async def test_every_wrong_setting_is_named(tmp_path: Path) -> None:
    """At once; nothing else can be looked at."""
    code, out, _ = await execute("doctor", "--json", cwd=tmp_path, PORT="many", REDIS_URL="http://x", API_KEYS="{")
    lines = [finding["message"].partition(":")[0] for finding in json.loads(out)["findings"]]
    assert (code, lines) == (1, ["REDIS_URL", "API_KEYS", "PORT"])


async def test_whatever_cannot_be_reached_is_a_problem(tmp_path: Path) -> None:
    """All of them together, in one run."""
    nobody = f"http://127.0.0.1:{free_port()}"
    code, found = await examined(
        tmp_path, REDIS_URL="unix:///none/r.sock", QUEUE_REDIS_URL="redis://:hidden@127.0.0.1:1",
        APIFRAME_BASE_URL=nobody, PUBLIC_URL=nobody,
    )  # fmt: skip
    assert code == 1
    assert {level(found, check) for check in ("Redis", "queue Redis", "Apiframe", "PUBLIC_URL")} == {"problem"}
    assert "hidden" not in json.dumps(found)


async def test_a_redis_that_forgets_is_a_problem(here: Town, tmp_path: Path) -> None:
    """One that evicts; its append-only file does not help."""
    options = ["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru", "--appendonly", "yes"]
    with TemporaryDirectory(prefix="it-") as folder, redis_server(Path(folder), *options) as url:
        code, found = await examined(tmp_path, **settings(here, REDIS_URL=url))
    assert (code, level(found, "Redis eviction"), level(found, "Redis persistence")) == (1, "problem", "ok")


@pytest.mark.parametrize(("limit", "expected"), [("0", "ok"), ("100mb", "ok"), ("1mb", "warning")])
async def test_the_memory_that_redis_uses_is_told(here: Town, tmp_path: Path, limit: str, expected: str) -> None:
    """With its limit, if there is one; near it, in time."""
    with TemporaryDirectory(prefix="it-") as folder, redis_server(Path(folder), "--maxmemory", limit) as url:
        _, found = await examined(tmp_path, **settings(here, REDIS_URL=url))
    [finding] = found["Redis memory"]
    assert finding["level"] == expected
    assert " MiB used" in finding["message"]
    assert ("maxmemory" in finding["message"]) == (limit != "0")


def test_an_append_only_file_that_cannot_be_written_is_a_problem() -> None:
    """Redis refuses every write meanwhile."""
    unwell = condition_of({"aof_enabled": 1, "aof_last_write_status": "err"})
    assert store._persistence("Redis persistence", unwell).level is Level.PROBLEM


async def test_a_key_that_apiframe_refuses_is_a_problem(here: Town, tmp_path: Path) -> None:
    """It is not shown."""
    code, found = await examined(tmp_path, **settings(here, APIFRAME_API_KEY="afk_unknown"))
    assert (code, level(found, "Apiframe")) == (1, "problem")
    assert "refuses the key (401)" in found["Apiframe"][0]["message"]
    assert "afk_unknown" not in json.dumps(found)


@pytest.mark.usefixtures("redis")
@pytest.mark.parametrize(("left", "expected"), [(16, "ok"), (15, "warning"), (0, "problem")])
async def test_credits_and_concurrency_are_compared(redis_url: str, tmp_path: Path, left: int, expected: str) -> None:
    """With the price of a job, and with MAX_IN_FLIGHT."""
    account = {"credits": left, "max_concurrent_jobs": 3}
    async with town(redis_url, worker=False, sandbox=account) as here:
        _, found = await examined(tmp_path, **settings(here))
        assert (level(found, "credits"), level(found, "concurrency")) == (expected, "warning")
        assert "MAX_IN_FLIGHT=3" in found["concurrency"][0]["remedy"]
        _, found = await examined(tmp_path, **settings(here, MAX_IN_FLIGHT="3"))
        assert level(found, "concurrency") == "ok"


async def test_a_public_url_of_another_installation_is_a_problem(here: Town, tmp_path: Path) -> None:
    """It is an inpaint-tracker, and a webhook gets through to it: only what its Redis holds tells them apart."""
    with TemporaryDirectory(prefix="it-") as folder, redis_server(Path(folder)) as url:
        code, found = await examined(tmp_path, **settings(here, REDIS_URL=url))
    assert (code, level(found, "PUBLIC_URL"), level(found, "webhooks")) == (1, "problem", "ok")
    assert "another Redis" in found["PUBLIC_URL"][0]["message"]


async def test_a_public_url_that_leads_elsewhere_is_a_problem(here: Town, tmp_path: Path) -> None:
    """To another service, as here; none at all is only a warning."""
    code, found = await examined(tmp_path, **settings(here, PUBLIC_URL=here.settings.apiframe_base_url))
    assert (code, level(found, "PUBLIC_URL"), level(found, "webhooks")) == (1, "problem", "problem")
    code, found = await examined(tmp_path, **settings(here, PUBLIC_URL=""))
    assert (code, level(found, "PUBLIC_URL")) == (0, "warning")


def entry(name: str, scopes: list[str], key: str) -> dict[str, Any]:
    return {"name": name, "sha256": hashlib.sha256(key.encode()).hexdigest(), "scopes": scopes}


@pytest.mark.parametrize(
    ("entries", "expected", "words"),
    [
        ([], "problem", "nobody can call"),
        ([entry("a", ["ops"], "x")], "warning", "no key may submit"),
        ([entry("a", ["submit"], "x"), entry("a", ["submit"], "y")], "ok", "2 for a"),
    ],
)
async def test_callers_keys_are_looked_at(
    here: Town, tmp_path: Path, entries: list[dict[str, Any]], expected: str, words: str
) -> None:
    """None, none that may submit, one given to two, and one that is being rotated."""
    _, found = await examined(tmp_path, **settings(here, API_KEYS=json.dumps(entries)))
    assert level(found, "API_KEYS") == expected
    assert words in found["API_KEYS"][-1]["message"]


@pytest.mark.parametrize(("skew", "expected"), [(1.9, "ok"), (-1.9, "ok"), (90.0, "warning"), (-90.0, "warning")])
def test_a_clock_that_is_off_is_a_warning(skew: float, expected: str) -> None:
    """In either direction, and it says in which."""
    finding = clock.compare("Redis clock", skew, 2.0)
    assert finding.level == Level(expected)
    assert (("ahead" if skew > 0 else "behind") in finding.message) == (expected == "warning")

"""The queue as a door, opened with arq alone, as a backend in another repository would."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from arq.connections import ArqRedis
from arq.jobs import Job as Message
from redis.asyncio import ConnectionPool, Redis

from tests.door import key, mask_png
from tests.processes import environment, started
from tests.town import Town, town
from tracker.clock import utc_now
from tracker.ids import new_id
from tracker.store.keys import name

pytestmark = pytest.mark.usefixtures("redis")


@asynccontextmanager
async def backend(redis_url: str) -> AsyncIterator[ArqRedis]:
    """What the documentation asks of a backend: arq, our queue's name, JSON on both sides."""
    pool = ArqRedis(
        ConnectionPool.from_url(redis_url),
        job_serializer=lambda message: json.dumps(message).encode(),
        job_deserializer=json.loads,
        default_queue_name="inpaint:arq",
    )
    yield pool
    await pool.aclose(close_connection_pool=True)


@asynccontextmanager
async def standing(redis_url: str, folder: Path) -> AsyncIterator[tuple[Town, ArqRedis]]:
    """A town whose worker is a process of its own."""
    async with town(redis_url, worker=False) as here, backend(redis_url) as pool:
        public = {"PUBLIC_URL": str(here.settings.public_url), "POLL_AFTER_SECONDS": "1"}
        env = environment(redis_url, APIFRAME_BASE_URL=here.settings.apiframe_base_url, **public)
        async with started(["cli", "worker"], env, folder / "worker.log") as worker:
            await worker.until_logged("worker started")
            yield here, pool


def submission(here: Town, **fields: Any) -> dict[str, Any]:
    mask = base64.b64encode(mask_png()).decode()
    return {"owner": "editor", "parentJobId": here.parent_id, "mask": mask, **fields}


async def result(message: Message | None) -> dict[str, Any]:
    assert message is not None
    found: dict[str, Any] = await message.result(timeout=15, poll_delay=0.05)
    return found


async def test_a_backend_enqueues_with_arq_alone_and_finds_the_job_by_http(redis_url: str, tmp_path: Path) -> None:
    """A moment later, under the id that it chose, and it completes like any other."""
    async with asyncio.timeout(40), standing(redis_url, tmp_path) as (here, pool):
        job_id = new_id(utc_now())
        message = await pool.enqueue_job("inpaint", submission(here, labels={"order": "8"}), _job_id=job_id)
        assert await result(message) == {"id": job_id, "status": "PENDING"}
        job = await here.end_of({"id": job_id})
        assert (job["id"], job["status"], job["owner"], job["labels"]) == (
            job_id,
            "COMPLETED",
            "editor",
            {"order": "8"},
        )
        assert await here.charges() == [16]


async def test_no_mask_stays_in_the_queue_or_its_log(redis_url: str, redis: Redis, tmp_path: Path) -> None:
    """arq would keep a message's arguments beside its result, and log their beginning."""
    async with asyncio.timeout(40), standing(redis_url, tmp_path) as (here, pool):
        body = submission(here)
        await here.end_of(await result(await pool.enqueue_job("inpaint", body)))
        values = [await redis.get(kept) for kept in await redis.keys("arq:*")]
        assert values
        assert not [value for value in values if value and body["mask"][:30].encode() in value]
        assert body["mask"][:30] not in (tmp_path / "worker.log").read_text()


async def test_a_message_with_an_id_of_arqs_own_gets_one_of_ours(redis_url: str, tmp_path: Path) -> None:
    """It is in the message's result."""
    async with asyncio.timeout(40), standing(redis_url, tmp_path) as (here, pool):
        found = await result(await pool.enqueue_job("inpaint", submission(here)))
        assert (await here.end_of(found))["status"] == "COMPLETED"


async def test_a_message_waits_while_the_queue_is_full(redis_url: str, redis: Redis, tmp_path: Path) -> None:
    """A backend that enqueued cannot be told to come back: its message does."""
    async with asyncio.timeout(60), standing(redis_url, tmp_path) as (here, pool):
        await redis.set(name("maskbytes"), 268_435_456)
        message = await pool.enqueue_job("inpaint", submission(here))
        await asyncio.sleep(1)
        assert await redis.exists(name("jobs")) == 0
        await redis.delete(name("maskbytes"))
        found: dict[str, Any] = await message.result(timeout=45, poll_delay=0.1) if message else {}
        assert (await here.end_of(found))["status"] == "COMPLETED"


async def test_one_idempotency_key_is_one_job_through_both_doors(redis_url: str, tmp_path: Path) -> None:
    """Whichever came first; the id that the backend was told leads to it."""
    async with asyncio.timeout(40), standing(redis_url, tmp_path) as (here, pool):
        body = submission(here)
        owner = {"owner": body.pop("owner")}
        headers = {**key("editor"), "Idempotency-Key": "order-8"}
        first = (await here.api.post("/v1/jobs", json=body, headers=headers)).json()
        told = new_id(utc_now())
        again = {**body, **owner, "idempotencyKey": "order-8"}
        assert (await result(await pool.enqueue_job("inpaint", again, _job_id=told)))["id"] == first["id"]
        assert (await here.end_of({"id": told}))["id"] == first["id"]
        assert await here.charges() == [16]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"mask": "%%%"}, "mask"),
        ({"parentJobId": "x"}, "parentJobId"),
        ({"colour": "red"}, "colour"),
        ({"idempotencyKey": ""}, "idempotencyKey"),
        ({"idempotencyKey": "x" * 256}, "idempotencyKey"),
        ({"idempotencyKey": 8}, "idempotencyKey"),
    ],
)
async def test_what_cannot_be_taken_is_a_failed_job_under_the_known_id(
    redis_url: str, tmp_path: Path, fault: dict[str, str], words: str
) -> None:
    """Nobody waits for an answer here, so it must be found."""
    async with asyncio.timeout(40), standing(redis_url, tmp_path) as (here, pool):
        job_id = new_id(utc_now())
        await result(await pool.enqueue_job("inpaint", submission(here, **fault), _job_id=job_id))
        job = await here.get({"id": job_id})
        assert (job["status"], job["error"]["code"]) == ("FAILED", "rejected")
        assert words in job["error"]["message"]
        assert await here.charges() == []


async def test_an_owner_that_nobody_knows_is_refused(redis_url: str, tmp_path: Path) -> None:
    """There is no one whose job it could be; the message's result says so."""
    async with asyncio.timeout(40), standing(redis_url, tmp_path) as (here, pool):
        found = await result(await pool.enqueue_job("inpaint", submission(here, owner="stranger")))
        assert found["status"] == "REFUSED"
        assert "API_KEYS" in found["message"]
        for nonsense in ("hello", None, [submission(here)]):
            assert (await result(await pool.enqueue_job("inpaint", nonsense)))["status"] == "REFUSED"


async def test_a_message_that_is_delivered_twice_is_one_job(redis_url: str, tmp_path: Path) -> None:
    """arq delivers at least once, and its own ids are not ours."""
    async with asyncio.timeout(40), standing(redis_url, tmp_path) as (here, pool):
        body = submission(here)
        first = await result(await pool.enqueue_job("inpaint", body, _job_id="message-1"))
        await pool.delete("arq:result:message-1")
        second = await result(await pool.enqueue_job("inpaint", body, _job_id="message-1"))
        assert first["id"] == second["id"]
        assert (await here.end_of(first))["status"] == "COMPLETED"
        assert await here.charges() == [16]

"""The client's queue door, against a real worker."""

import asyncio
import base64
import re
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
from inpaint_tracker_client import Conflict, Unavailable, UnexpectedAnswer
from inpaint_tracker_client.queue import QUEUE_NAME, Queue
from redis.asyncio import Redis

from tests.client.conftest import CLIENT
from tests.door import mask_png
from tests.guarded import guarded, until_replicated
from tests.samples import PARENT
from tests.workers.test_door import standing
from tracker.store.connection import connect

pytestmark = pytest.mark.usefixtures("redis")


async def test_a_submission_through_the_queue_is_a_job_like_any_other(redis_url: str, tmp_path: Path) -> None:
    """Its id is known at once."""
    async with asyncio.timeout(40), standing(redis_url, tmp_path) as (here, _), Queue(redis_url, "editor") as queue:
        job_id = await queue.submit(here.parent_id, mask_png(), prompt="x", labels={"order": "8"})
        while "id" not in (job := await here.get({"id": job_id})):
            await asyncio.sleep(0.02)
        job = await here.end_of({"id": job_id})
        assert (job["id"], job["status"], job["prompt"], job["labels"]) == (job_id, "COMPLETED", "x", {"order": "8"})


async def test_a_key_stands_for_one_job_however_often_it_is_sent(redis_url: str) -> None:
    """At once, and for one request alone."""
    async with Queue(redis_url, "editor") as queue:
        sent = [queue.submit(PARENT, mask_png(), idempotency_key="order-8") for _ in range(20)]
        assert len(set(await asyncio.gather(*sent))) == 1
        with pytest.raises(Conflict, match="another request"):
            await queue.submit(PARENT, mask_png(), prompt="other", idempotency_key="order-8")


async def test_two_submissions_without_a_key_are_two_jobs(redis_url: str) -> None:
    """Each with an id of its own, in order."""
    async with Queue(redis_url, "editor") as queue:
        first = await queue.submit(PARENT, mask_png())
        await asyncio.sleep(0.002)
        second = await queue.submit(PARENT, mask_png())
    assert first < second
    assert first[14] == second[14] == "7"


async def test_the_result_tells_what_became_of_a_message(redis_url: str, tmp_path: Path) -> None:
    """Taken, taken before, refused as a job, and refused without one."""
    async with asyncio.timeout(40), standing(redis_url, tmp_path) as (here, _), Queue(redis_url, "editor") as queue:
        queued = await queue.submit(here.parent_id, mask_png(), idempotency_key="order-8")
        assert (await queued.result()).model_dump() == {"id": queued, "status": "PENDING", "message": ""}
        again = await queue.submit(here.parent_id, mask_png(), idempotency_key="order-8")
        assert ((await again.result()).id, again.id) == (queued.id, queued)
        failed = await (await queue.submit(here.parent_id, b"no image")).result()
        assert (failed.status, "mask" in failed.message) == ("FAILED", True)
        assert (await here.get({"id": failed.id}))["status"] == "FAILED"
        async with Queue(redis_url, "nobody") as stranger:
            refused = await (await stranger.submit(here.parent_id, mask_png())).result()
        assert (refused.status, "'nobody'" in refused.message) == ("REFUSED", True)


async def test_a_result_that_is_not_there_is_told(redis_url: str, redis: Redis) -> None:
    """Not yet, or no longer, or not in words of ours."""
    async with Queue(redis_url, "editor") as queue:
        queued = await queue.submit(PARENT, mask_png())
        with pytest.raises(TimeoutError):
            await queued.result(timeout=0.1)
        await redis.zrem(QUEUE_NAME, queued)
        with pytest.raises(Unavailable, match="no longer kept"):
            await queued.result()
        await redis.set(f"arq:result:{queued}", b"odd", ex=60)
        with pytest.raises(UnexpectedAnswer):
            await queued.result()


@pytest.mark.parametrize("owner", ["", " ", "a b", "-shop", "n" * 64])
def test_what_can_be_no_owner_is_refused_at_once(owner: str) -> None:
    """The service has no key of such a name."""
    with pytest.raises(ValueError, match="owner: expected the name of a key"):
        Queue("redis://127.0.0.1:1", owner)


@pytest.mark.parametrize("key", ["", "ä", "a\nb", "k" * 256])
async def test_a_key_is_as_it_is_over_http(redis_url: str, redis: Redis, key: str) -> None:
    """Nothing is enqueued under another."""
    async with Queue(redis_url, "editor") as queue:
        with pytest.raises(ValueError, match="idempotency_key: expected 1 to 255 printable ASCII"):
            await queue.submit(PARENT, mask_png(), idempotency_key=key)
    assert await redis.zcard(QUEUE_NAME) == 0


async def test_a_redis_that_is_away_is_unavailable() -> None:
    """In our own type, without the password of its address."""
    async with Queue("redis://:hidden@127.0.0.1:1", "editor") as queue:
        for key in (None, "order-8"):
            with pytest.raises(Unavailable, match=r"Redis cannot be used: ConnectionError$"):
                await queue.submit(PARENT, mask_png(), idempotency_key=key)


@pytest.mark.parametrize("missing", ["arq", "redis"])
def test_without_its_extra_it_is_named(tmp_path: Path, missing: str) -> None:
    """With what installs it."""
    (tmp_path / f"{missing}.py").write_text(f"raise ModuleNotFoundError('No module named {missing}', name={missing!r})")
    program = f"import sys; sys.path[:0] = [{str(tmp_path)!r}, {str(CLIENT)!r}]; import inpaint_tracker_client.queue"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=30)
    assert ended.stderr.splitlines()[-1].endswith(
        f"needs the extra [arq] ({missing} is not installed): from a checkout of inpaint-tracker, "
        "pip install './client[arq]'"
    )


SNIPPETS = re.findall(r"```python\n(.*?)```", (CLIENT.parent / "docs" / "queue.md").read_text("utf-8"), re.DOTALL)


@pytest.mark.parametrize("snippet", SNIPPETS, ids=range(len(SNIPPETS)))
@pytest.mark.parametrize("owner", ["editor", "nobody"])
async def test_the_page_is_true(
    redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: str, snippet: str
) -> None:
    """Both of its programs: a job where there is one, and an error where there is none."""
    (tmp_path / "mask.png").write_bytes(mask_png())
    monkeypatch.chdir(tmp_path)
    program = snippet.replace("redis://127.0.0.1:6379/0", redis_url).replace('"editor"', f'"{owner}"')
    body = textwrap.indent(f"{program}\nreturn job_id", " " * 8)
    close = "if 'pool' in locals(): await pool.aclose(close_connection_pool=True)"
    text = f"async def main(parent_id, mask_base64):\n    try:\n{body}\n    finally:\n        {close}\n"
    known: dict[str, Any] = {}
    exec(compile(text, "queue.md", "exec"), known)
    async with asyncio.timeout(40), standing(redis_url, tmp_path) as (here, _):
        main = known["main"](here.parent_id, base64.b64encode(mask_png()).decode())
        if owner == "nobody":
            with pytest.raises(RuntimeError, match="'nobody' is none of the names in API_KEYS"):
                await main
        else:
            assert (await here.end_of({"id": await main}))["status"] == "COMPLETED"


async def test_a_queue_behind_sentinels_outlives_a_fail_over(tmp_path: Path) -> None:
    """By the address that the service has; while nobody is primary it says so."""
    with guarded(tmp_path) as guard:
        await until_replicated(guard)
        async with asyncio.timeout(90), Queue(guard.url, "editor") as queue:
            before = await queue.submit(PARENT, mask_png(), idempotency_key="order-8")
            async with connect(guard.url) as redis:
                await redis.wait(1, 5000)
            guard.primary.kill()
            while True:
                try:
                    again = await queue.submit(PARENT, mask_png(), idempotency_key="order-8")
                    break
                except Unavailable:
                    await asyncio.sleep(0.1)
            assert again == before


@pytest.mark.parametrize("rest", ["a", "a/", "/jobs", "a,/jobs", "a:0/jobs", "a:x/jobs", "a/jobs/x", "a/jobs?db=1"])
def test_an_address_that_cannot_be_read_is_refused_without_repeating_it(rest: str) -> None:
    """It may hold a password."""
    with pytest.raises(ValueError, match="expected redis") as error:
        Queue(f"redis+sentinel://:s3cret@{rest}", "editor")
    assert "s3cret" not in str(error.value)

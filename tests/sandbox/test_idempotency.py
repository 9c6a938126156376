"""An Idempotency-Key makes a submit safe to repeat for 24 hours."""

import asyncio

import httpx

from tests.sandbox.actors import KEY, Caller, Clock
from tests.sandbox.conftest import Open

BODY = {"prompt": "a lake", "model": "midjourney"}


async def _submit(apiframe: Caller, key: str, api_key: str = KEY, **fields: object) -> httpx.Response:
    return await apiframe.submit({**BODY, **fields}, "generate", Idempotency_Key=key, X_API_Key=api_key)


async def test_the_same_key_and_body_return_the_original_job(apiframe: Caller) -> None:
    """202 with its id and the status it has by now; it is charged once."""
    first = await _submit(apiframe, "k1")
    await apiframe.settled(first)
    second = await _submit(apiframe, "k1")
    assert second.status_code == 202
    assert second.json() == {"jobId": first.json()["jobId"], "status": "COMPLETED"}
    assert len((await apiframe.ledger())["entries"]) == 1


async def test_the_same_json_written_otherwise_is_the_same_body(apiframe: Caller) -> None:
    """Blanks and the order of names do not count."""
    first = await _submit(apiframe, "k1")
    second = await apiframe.http.post(
        "/v2/images/generate",
        content=b'{ "model": "midjourney",\n "prompt": "a lake" }',
        headers={"Idempotency-Key": "k1"},
    )
    assert second.json()["jobId"] == first.json()["jobId"]


async def test_another_body_under_the_same_key_is_a_409(apiframe: Caller) -> None:
    """As the official SDK has it in a comment."""
    await _submit(apiframe, "k1")
    assert (await _submit(apiframe, "k1", prompt="a hill")).status_code == 409


async def test_concurrent_requests_with_one_key_yield_one_job(apiframe: Caller) -> None:
    """Twenty at once."""
    answers = await asyncio.gather(*(_submit(apiframe, "k1") for _ in range(20)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["jobId"] for answer in answers}) == 1
    assert (await apiframe.ledger())["balance"] == 984


async def test_concurrent_inpaints_with_one_key_yield_one_job(apiframe: Caller) -> None:
    """Their masks are judged in threads; the job is taken in one breath all the same."""
    parent = await apiframe.seed()
    apiframe.http.headers["Idempotency-Key"] = "k1"
    answers = await asyncio.gather(*(apiframe.inpaint(parent) for _ in range(8)))
    assert len({answer.json()["jobId"] for answer in answers}) == 1


async def test_a_replay_of_a_failed_job_returns_the_dead_job(apiframe: Caller) -> None:
    """A deliberate new run needs a new key."""
    await apiframe.mischief(job_failed=1, times=1)
    await apiframe.settled(await _submit(apiframe, "k1"))
    assert (await _submit(apiframe, "k1")).json()["status"] == "FAILED"
    assert (await _submit(apiframe, "k2")).json()["status"] == "QUEUED"


async def test_a_key_is_forgotten_after_24_hours(apiframe: Caller, clock: Clock) -> None:
    """A second less, and it still holds."""
    first = await _submit(apiframe, "k1")
    clock.turn(hours=23, minutes=59, seconds=59)
    assert (await _submit(apiframe, "k1")).json()["jobId"] == first.json()["jobId"]
    clock.turn(seconds=1)
    assert (await _submit(apiframe, "k1")).json()["jobId"] != first.json()["jobId"]


async def test_keys_are_scoped_to_the_api_key(opened: Open) -> None:
    """Two API keys, one Idempotency-Key, two jobs."""
    async with opened(api_keys=(KEY, "afk_second")) as apiframe:
        answers = [await _submit(apiframe, "k1"), await _submit(apiframe, "k1", "afk_second")]
        assert len({answer.json()["jobId"] for answer in answers}) == 2


async def test_a_key_has_at_most_255_characters(apiframe: Caller) -> None:
    """One more is a 400."""
    assert (await _submit(apiframe, "k" * 255)).status_code == 202
    assert (await _submit(apiframe, "k" * 256)).status_code == 400


async def test_a_refusal_is_not_remembered(opened: Open) -> None:
    """After a 402 the same key works, once there are credits."""
    async with opened(credits=0) as apiframe:
        assert (await _submit(apiframe, "k1")).status_code == 402
        await apiframe.mischief(credits=16)
        assert (await _submit(apiframe, "k1")).status_code == 202

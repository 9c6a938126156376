"""What is tried again, how often, and that a submission stays one job."""

import asyncio
import json
import socket
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from uuid import UUID

import pytest
from inpaint_tracker_client import AsyncTracker, Job, TooManyRequests, TrackerError, Unavailable

from tests.client.conftest import Connect
from tests.client.unruly import Act, answers, cut, cut_within, loses_answer, passes_on, silent, unruly
from tests.door import key
from tests.resets import resetting, under_busy_uvloop
from tests.town import Town

UNKNOWN_ID = "0198f0a0-0000-7000-8000-000000000001"
JOB = {"id": "0198", "status": "PENDING"}
TAKEN = answers(202, JOB)
METHODS: dict[str, Callable[[AsyncTracker], Awaitable[Job]]] = {
    "submit": lambda tracker: tracker.submit("c3d4", b"a mask"),
    "get": lambda tracker: tracker.get("0198"),
    "cancel": lambda tracker: tracker.cancel("0198"),
    "refresh": lambda tracker: tracker.refresh("0198"),
    "track": lambda tracker: tracker.track("a1b2"),
}


@pytest.mark.parametrize("trouble", [answers(503), answers(502, b"<html>"), answers(504), cut, cut_within])
async def test_a_submission_is_repeated_word_for_word(connect: Connect, trouble: Act) -> None:
    """The same key, fresh for each call, and the same bytes."""
    async with unruly(trouble, TAKEN) as server, connect(server.url) as tracker:
        assert (await tracker.submit("c3d4", b"a mask", "a kite")).id == "0198"
        first, second = server.requests
        assert first.body == second.body
        assert json.loads(first.body) == {"parentJobId": "c3d4", "mask": "YSBtYXNr", "prompt": "a kite"}
        assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
        assert UUID(first.headers["idempotency-key"]).version == 4
        await tracker.submit("c3d4", b"a mask", "a kite")
    assert server.requests[2].headers["idempotency-key"] != first.headers["idempotency-key"]


@pytest.mark.parametrize("method", METHODS)
async def test_every_method_is_tried_again(connect: Connect, method: str) -> None:
    """All of them are safe to repeat."""
    async with unruly(answers(503), TAKEN) as server, connect(server.url) as tracker:
        assert (await METHODS[method](tracker)).id == "0198"
    assert len(server.requests) == 2


async def test_a_job_whose_answer_was_lost_is_one_job(idle: Town, connect: Connect, mask: bytes) -> None:
    """The service took it, and the second try gives the same one."""
    async with unruly(loses_answer(idle), passes_on(idle)) as between, connect(between.url) as tracker:
        job = await tracker.submit(idle.parent_id, mask)
    assert len(between.requests) == 2
    listed = (await idle.api.get("/v1/jobs", headers=key("editor"))).json()["jobs"]
    assert [one["id"] for one in listed] == [job.id]


async def test_a_cancellation_whose_answer_was_lost_is_no_error(idle: Town, connect: Connect, mask: bytes) -> None:
    """The job is cancelled, which is what was asked for."""
    async with connect(idle) as direct:
        job = await direct.submit(idle.parent_id, mask)
    async with unruly(loses_answer(idle), passes_on(idle)) as between, connect(between.url) as tracker:
        assert (await tracker.cancel(job.id)).status == "CANCELLED"


async def test_a_page_is_tried_again_within_a_list(connect: Connect) -> None:
    """Without giving anything twice, and only as far as it is read."""
    acts = [answers(200, {"jobs": [JOB], "nextCursor": "x"}), cut, answers(200, {"jobs": [JOB], "nextCursor": None})]
    async with unruly(*acts) as server, connect(server.url) as tracker:
        jobs = tracker.list(page_size=1)
        assert server.requests == []
        assert (await anext(jobs)).id == "0198"
        assert len(server.requests) == 1
        assert [job.id async for job in jobs] == ["0198"]
    assert [request.target for request in server.requests[1:]] == ["/v1/jobs?limit=1&cursor=x"] * 2


@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_retry_after_is_kept_to(connect: Connect, form: str) -> None:
    """However it is given; a date has no fractions of a second."""
    async with unruly(TAKEN) as server, connect(server.url) as tracker:
        then = (datetime.now(UTC) + timedelta(seconds=2.5)).replace(microsecond=0)
        told = "1" if form == "seconds" else format_datetime(then, usegmt=True)
        server.acts.insert(0, answers(429, Retry_After=told))
        started = time.monotonic()
        await tracker.get("0198")
        if form == "seconds":
            assert time.monotonic() - started >= 1
        else:
            assert datetime.now(UTC) >= then - timedelta(milliseconds=20)


async def test_a_long_retry_after_is_left_to_the_caller(connect: Connect) -> None:
    """At once, with the number of seconds."""
    async with unruly(answers(429, Retry_After="3600")) as server, connect(server.url) as tracker:
        with pytest.raises(TooManyRequests) as caught:
            await tracker.get("0198")
    assert caught.value.retry_after == 3600
    assert len(server.requests) == 1


async def test_tries_come_to_an_end(connect: Connect) -> None:
    """With the service's last words; a proxy's page is not shown."""
    async with unruly(answers(503, b"<html>busy</html>")) as server, connect(server.url, retries=2) as tracker:
        with pytest.raises(Unavailable, match=r"^503 Service Unavailable$") as caught:
            await tracker.get("0198")
    assert caught.value.status == 503
    assert len(server.requests) == 3


async def test_nobody_at_the_address_is_unavailable(connect: Connect) -> None:
    """Without a status, and with the reason."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    async with connect(url, retries=1) as tracker:
        with pytest.raises(Unavailable, match=f"^no answer from {url} after 2 attempts: ConnectError") as caught:
            await tracker.get("0198")
    assert caught.value.status is None
    assert caught.value.request_id is None


async def test_no_answer_in_time_is_no_answer(connect: Connect) -> None:
    """`timeout` counts for each try."""
    async with unruly(silent) as server, connect(server.url, timeout=0.1, retries=1) as tracker:
        with pytest.raises(Unavailable, match="ReadTimeout"):
            await tracker.get("0198")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 418, 422, 500, 501])
async def test_what_would_not_change_is_not_repeated(connect: Connect, status: int) -> None:
    """A refusal stands, and so does a crash."""
    async with unruly(answers(status)) as server, connect(server.url) as tracker:
        with pytest.raises(TrackerError, match=str(status)):
            await tracker.submit("c3d4", b"a mask")
    assert len(server.requests) == 1


def test_connections_reset_as_they_are_made_are_no_answer() -> None:
    """By a service that is killed just then; under uvloop, where httpx does not call it an error of its own."""

    async def submissions(url: str) -> list[BaseException | Job]:
        async with AsyncTracker(url, "key", retries=0) as tracker:
            rounds = [[tracker.get(UNKNOWN_ID) for _ in range(10)] for _ in range(20)]
            return [one for calls in rounds for one in await asyncio.gather(*calls, return_exceptions=True)]

    with resetting() as url:
        assert {type(result) for result in under_busy_uvloop(submissions(url))} == {Unavailable}

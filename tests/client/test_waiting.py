"""Waiting: held answers, counted from the version that is known."""

import asyncio
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from inpaint_tracker_client import AsyncTracker, Job, Unavailable, WaitTimeout

from tests.client.conftest import Connect
from tests.client.shells import asynchronous
from tests.client.unruly import Received, Stream, answers, cut, passes_on, unruly
from tests.town import Town


def job(status: str, progress: int = 0) -> dict[str, Any]:
    return {"id": "0198", "status": status, "progress": progress}


def asked(request: Received) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(request.target).query).items()}


async def test_each_wait_starts_from_the_version_that_is_known(connect: Connect) -> None:
    """So a change between two answers is told by the next one, at once."""
    acts = [
        answers(200, job("QUEUED"), ETag='"1"'),
        answers(200, job("PROCESSING", 30), ETag='W/"2"'),
        answers(304, ETag='"2"'),
        answers(200, job("COMPLETED", 100), ETag='"3"'),
    ]
    seen: list[Job] = []
    async with unruly(*acts) as server, connect(server.url) as tracker:
        final = await tracker.wait("0198", on_change=seen.append)
    assert [one.status for one in seen] == ["QUEUED", "PROCESSING", "COMPLETED"]
    assert seen[-1] == final
    assert [request.headers.get("if-none-match") for request in server.requests] == [None, '"1"', '"2"', '"2"']
    assert "wait" not in asked(server.requests[0])
    assert all(asked(request) == {"wait": "30.000"} for request in server.requests[1:])


async def test_without_a_listener_only_the_end_is_waited_for(connect: Connect) -> None:
    """One request, held until then."""
    async with unruly(answers(200, job("COMPLETED"), ETag='"3"')) as server, connect(server.url) as tracker:
        assert (await tracker.wait("0198")).is_final
    assert [asked(request) for request in server.requests] == [{"wait": "30.000", "until": "final"}]


async def test_a_wait_ends_in_time(idle: Town, connect: Connect, mask: bytes) -> None:
    """With the job as it was last seen; the job itself goes on."""
    async with connect(idle) as tracker:
        submitted = await tracker.submit(idle.parent_id, mask)
        started = time.monotonic()
        with pytest.raises(WaitTimeout, match="still PENDING") as caught:
            await tracker.wait(submitted.id, timeout=0.4)
        assert 0.3 < time.monotonic() - started < 3
        assert caught.value.job == submitted
        with pytest.raises(WaitTimeout):
            await tracker.wait(submitted.id, timeout=0)


async def test_a_wait_outlives_a_restart_of_the_service(here: Town, connect: Connect, mask: bytes) -> None:
    """A held answer that is cut off is asked for again."""
    async with unruly(cut, cut, passes_on(here)) as between, connect(between.url) as tracker:
        submitted = await here.submit()
        assert (await tracker.wait(submitted["id"], timeout=60)).status == "COMPLETED"


async def test_an_answer_that_is_not_held_is_not_hammered_at(connect: Connect) -> None:
    """A service that is stopping answers at once; then there is a pause before the next."""
    acts = [answers(200, job("QUEUED"), ETag='"1"'), answers(304, ETag='"1"')]
    async with unruly(*acts) as server, connect(server.url) as tracker:
        with pytest.raises(WaitTimeout):
            await tracker.wait("0198", timeout=2.2)
    assert len(server.requests) <= 5


async def test_an_outage_ends_a_wait_before_its_time_is_over(connect: Connect) -> None:
    """No try is made that could not be answered in time."""
    async with unruly(cut) as server, connect(server.url) as tracker:
        started = time.monotonic()
        with pytest.raises(Unavailable):
            await tracker.wait("0198", timeout=1)
        assert time.monotonic() - started < 3.5


async def test_a_listener_may_be_a_coroutine(here: Town, mask: bytes) -> None:
    """In the asynchronous shell."""
    seen: list[str] = []

    async def listen(one: Job) -> None:
        await asyncio.sleep(0)
        seen.append(one.status)

    async with asynchronous(here) as tracker:
        submitted = await tracker.submit(here.parent_id, mask)
        await tracker.wait(submitted.id, timeout=60, on_change=listen)
    assert seen[-1] == "COMPLETED"


async def test_more_jobs_are_waited_for_than_a_client_usually_has_connections() -> None:
    """120 held answers at once: none waits for another."""
    everyone = asyncio.Event()

    async def when_all_are_here(_: Received) -> bytes | Stream:
        if len(server.requests) == 120:
            everyone.set()
        await everyone.wait()
        return await answers(200, job("COMPLETED"))(_)

    async with unruly(when_all_are_here) as server, AsyncTracker(server.url, "key", timeout=10) as tracker:
        jobs = await asyncio.gather(*(tracker.wait("0198") for _ in range(120)))
    assert all(one.is_final for one in jobs)

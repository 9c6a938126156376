"""Following streams: taken up again by themselves, without a gap or a repetition that nobody is told of."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from inpaint_tracker_client import (
    AsyncTracker,
    ChangesMissed,
    Job,
    NotFound,
    Tracker,
    Unauthenticated,
    Unavailable,
    UnexpectedAnswer,
    aio,
    sync,
)

from tests.client.conftest import Connect
from tests.client.unruly import END, HOLD, Act, Unruly, answers, cut, streams, told, unruly
from tests.door import KEYS

UNKNOWN = answers(401, {"title": "Unauthenticated", "detail": "No such key.", "requestId": "1"})
GAP = b'event: gap\ndata: {"detail": "list again"}\n\n'
DROPPED = b'event: dropped\ndata: {"detail": "too slow"}\n\n'


def positions(server: Unruly) -> list[str | None]:
    return [request.headers.get("last-event-id") for request in server.requests]


async def progress(jobs: AsyncIterator[Job], most: int = 100) -> list[int]:
    """Of the first jobs; then the stream is left."""
    seen: list[int] = []
    async for job in jobs:
        seen.append(job.progress)
        if len(seen) == most:
            break
    await jobs.aclose()  # type: ignore[attr-defined]  # a generator in either shell
    return seen


async def until_left(server: Unruly) -> None:
    async with asyncio.timeout(5):
        while not server.left:
            await asyncio.sleep(0.01)


async def test_a_watch_ends_with_the_final_state(connect: Connect) -> None:
    """Without waiting for the service to end it."""
    act = streams(b": hello\n\n", told(1), told(2, progress=50), told(3, "COMPLETED", 100), HOLD)
    async with unruly(act) as server, connect(server.url) as tracker:
        assert [job.status async for job in tracker.watch("0198")] == ["PROCESSING", "PROCESSING", "COMPLETED"]
        await until_left(server)
    [request] = server.requests
    assert (request.method, request.target) == ("GET", "/v1/jobs/0198/stream")
    assert request.headers["accept"] == "text/event-stream"
    assert request.headers["authorization"] == f"Bearer {KEYS['editor'][0]}"


CUTS: dict[str, tuple[Act, ...]] = {
    "ended": (streams(told(1, progress=10), END),),
    "cut after an event": (streams(told(1, progress=10)),),
    "cut within an event": (streams(told(1, progress=10), told(2, progress=99)[:-12]),),
    "cut before its last line's end": (streams(told(1, progress=10), told(2, progress=99)[:-1]),),
    "restarted": (streams(told(1, progress=10), END), cut, answers(503, b"<html>")),
    "dropped": (streams(told(1, progress=10), DROPPED, END),),
    "told to wait": (streams(told(1, progress=10)), answers(503, Retry_After="1")),
}


@pytest.mark.parametrize("acts", CUTS.values(), ids=CUTS)
async def test_a_stream_is_taken_up_again_where_it_was(connect: Connect, acts: tuple[Act, ...]) -> None:
    """With the id of the last event that was whole."""
    after = streams(told(2, progress=20), told(3, "COMPLETED", 100), END)
    async with unruly(*acts, after) as server, connect(server.url) as tracker:
        assert await progress(tracker.watch("0198")) == [10, 20, 100]
    assert positions(server) == [None, *["1"] * len(acts)]


async def test_a_stream_without_an_event_resumes_from_the_position_in_its_comments(connect: Connect) -> None:
    """The newest one that was told, be it in an event or in a comment."""
    acts = [
        streams(b": at 5/0\n\n"),
        streams(b": at 5/0\n\n", b": at 6/0\n\n", END),
        streams(told(7, progress=10), GAP.replace(b"gap", b"odd"), b": at 8/0\n\n"),
        streams(told(9, progress=20)),
    ]
    async with unruly(*acts, streams(HOLD)) as server, connect(server.url) as tracker:
        assert await progress(tracker.stream(), 2) == [10, 20]
        assert positions(server)[:4] == [None, "5/0", "6/0", "8/0"]


async def test_what_is_told_twice_is_passed_on_once(connect: Connect) -> None:
    """By its id."""
    acts = [streams(told(1, progress=10)), streams(told(1, progress=10), told(2, progress=20), told(2, progress=20))]
    async with unruly(*acts, streams(told(3, "COMPLETED", 100))) as server, connect(server.url) as tracker:
        assert await progress(tracker.watch("0198")) == [10, 20, 100]


async def test_the_filters_are_those_of_the_list(connect: Connect) -> None:
    """The same ones, in every connection, with neither size nor cursor."""
    async with unruly(streams(told(1)), streams(told(2), HOLD)) as server, connect(server.url) as tracker:
        found = tracker.stream(status=["QUEUED", "PROCESSING"], owner="shop", labels={"order": "8"})
        assert len(await progress(found, 2)) == 2
    asked = [parse_qsl(urlsplit(request.target).query) for request in server.requests]
    wanted = [("status", "QUEUED"), ("status", "PROCESSING"), ("owner", "shop"), ("label.order", "8")]
    assert asked == [wanted, wanted]
    assert urlsplit(server.requests[0].target).path == "/v1/stream"


async def test_slow_pieces_are_put_together(connect: Connect) -> None:
    """An event that comes in pieces, a letter in two."""
    event = told(1, "COMPLETED", 100).replace(b"0198", "größe".encode())
    pieces: list[bytes | float] = []
    for at in range(0, len(event), 5):
        pieces += [event[at : at + 5], 0.005]
    async with unruly(streams(*pieces)) as server, connect(server.url) as tracker:
        assert [job.id async for job in tracker.watch("x")] == ["größe"]
    assert len(server.requests) == 1


async def test_a_gap_is_told_to_whoever_listens_and_the_stream_goes_on(connect: Connect) -> None:
    """So that they list again."""
    heard: list[str] = []
    act = streams(told(1, progress=10), GAP, told(2, progress=20), HOLD)
    async with unruly(act) as server, connect(server.url) as tracker:
        assert await progress(tracker.stream(on_gap=heard.append), 2) == [10, 20]
    assert heard == ["list again"]


async def test_a_gap_that_nobody_listens_to_is_an_error(connect: Connect) -> None:
    """Rather than nothing at all; and the connection is closed."""
    async with unruly(streams(told(1, progress=10), GAP, HOLD)) as server, connect(server.url) as tracker:
        with pytest.raises(ChangesMissed, match="changes were missed: list again"):
            await progress(tracker.stream())
        await until_left(server)


async def test_whoever_listens_for_gaps_may_be_a_coroutine_and_may_fail() -> None:
    """In the asynchronous shell; an error of theirs is theirs, whatever its kind."""
    heard: list[str] = []

    async def listen(detail: str) -> None:
        await asyncio.sleep(0)
        heard.append(detail)
        raise AttributeError("mine")

    async with unruly(streams(GAP, HOLD)) as server, AsyncTracker(server.url, "key") as tracker:
        with pytest.raises(AttributeError, match="mine"):
            await progress(tracker.stream(on_gap=listen))
    assert (heard, len(server.requests)) == (["list again"], 1)


@pytest.mark.parametrize("before", [(), (streams(told(1, progress=10)),)], ids=["at first", "later"])
async def test_a_refusal_is_raised_and_not_tried_again(connect: Connect, before: tuple[Act, ...]) -> None:
    """A key that nobody knows, or no more; a job that is not there, or no more."""
    gone = answers(404, {"title": "Not found", "detail": "No such job.", "requestId": "1"})
    for refusal, kind in ((UNKNOWN, Unauthenticated), (gone, NotFound)):
        async with unruly(*before, refusal) as server, connect(server.url) as tracker:
            with pytest.raises(kind):
                await progress(tracker.watch("0198"))
        assert len(server.requests) == len(before) + 1


async def test_the_first_connection_has_as_many_tries_as_any_call(connect: Connect) -> None:
    """A wrong address is found out."""
    async with unruly(cut) as server, connect(server.url, retries=1) as tracker:
        with pytest.raises(Unavailable, match="after 2 attempts"):
            await progress(tracker.stream())
    assert len(server.requests) == 2


async def test_what_was_reached_once_is_asked_for_ever(connect: Connect) -> None:
    """More often than a call is, with pauses that grow, until the service is back."""
    acts = [streams(told(1, progress=10)), *[cut] * 3, streams(told(2, "COMPLETED", 100))]
    began = time.monotonic()
    async with unruly(*acts) as server, connect(server.url, retries=1) as tracker:
        assert await progress(tracker.watch("0198")) == [10, 100]
    assert len(server.requests) == 5
    assert time.monotonic() - began > 0.25 + 0.5 + 1 + 2


async def test_a_service_that_ends_each_stream_at_once_is_not_hammered_at(connect: Connect) -> None:
    """A comment alone is no reason to come back soon."""
    acts = [*[streams(b": at 1/0\n\n", END)] * 3, streams(told(2, progress=1))]
    began = time.monotonic()
    async with unruly(*acts) as server, connect(server.url) as tracker:
        assert await progress(tracker.stream(), 1) == [1]
    assert 0.25 + 0.5 + 1 < time.monotonic() - began < 12


async def test_what_is_known_to_be_final_is_not_told_again(connect: Connect) -> None:
    """204 says so."""
    async with unruly(streams(told(1, progress=10)), answers(204)) as server, connect(server.url) as tracker:
        assert await progress(tracker.watch("0198")) == [10]
    assert len(server.requests) == 2


STRANGERS: dict[str, Act] = {
    "a page": streams(b"<html>", HOLD, media="text/html"),
    "a job": answers(200, {"id": "0198", "status": "COMPLETED"}, Content_Type="application/json"),
    "no job": streams(b"event: job\ndata: 5\n\n", HOLD),
    "no end": streams(b"data: " + b"x" * 5_000_000, HOLD),
    "elsewhere": answers(302, Location="/login"),
}


@pytest.mark.parametrize("act", STRANGERS.values(), ids=STRANGERS)
async def test_what_is_no_stream_of_ours_is_an_error(connect: Connect, act: Act) -> None:
    """At once."""
    async with unruly(act) as server, connect(server.url) as tracker:
        with pytest.raises(UnexpectedAnswer):
            await progress(tracker.watch("0198"))
    assert len(server.requests) == 1


async def test_a_dead_connection_is_noticed(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the heartbeats that do not come; those that come keep it."""
    for shell in (aio, sync):
        assert shell.QUIET == 40
        monkeypatch.setattr(shell, "QUIET", 2.0)
    beats = [part for _ in range(4) for part in (0.3, b": still here\n\n")]
    acts = [streams(told(1, progress=10), *beats, HOLD), streams(told(2, "COMPLETED", 100))]
    async with unruly(*acts) as server, connect(server.url) as tracker:
        began = time.monotonic()
        assert await progress(tracker.watch("0198")) == [10, 100]
    assert time.monotonic() - began > 3.1
    assert positions(server) == [None, "1"]


async def test_who_leaves_the_loop_leaves_the_connection() -> None:
    """In a blocking program, and in an asynchronous one; nothing of it stays."""
    async with unruly(streams(told(1), HOLD)) as server:
        with Tracker(server.url, "key") as tracker:
            jobs = tracker.stream()
            await asyncio.to_thread(next, jobs)
            jobs.close()
            await until_left(server)
        server.left.clear()
        async with AsyncTracker(server.url, "key") as other, aclosing(other.stream()) as stream:
            async for _ in stream:
                break
        await until_left(server)


@pytest.mark.parametrize("how", ["cancelled", "in time"])
async def test_cancellation_closes_the_connection(how: str) -> None:
    """As by a timeout around the loop; the tracker is as good as before."""
    async with unruly(streams(told(1), HOLD)) as server, AsyncTracker(server.url, "key") as tracker:
        if how == "in time":
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(progress(tracker.stream()), 1.5)
        else:
            task = asyncio.create_task(progress(tracker.stream()))
            while not server.requests:
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        await until_left(server)
        assert await progress(tracker.stream(), 1) == [0]


async def test_more_streams_than_a_client_usually_has_connections() -> None:
    """120 at once, beside other calls."""
    async with unruly(streams(told(1), HOLD)) as server, AsyncTracker(server.url, "key") as tracker:
        streaming = [tracker.watch("0198") for _ in range(120)]
        jobs: list[Any] = await asyncio.gather(*(anext(one) for one in streaming))
        assert len(jobs) == len(server.requests) == 120
        for one in streaming:
            await one.aclose()


async def test_pauses_never_overflow() -> None:
    """After a weekend without a service, too."""
    from inpaint_tracker_client.calls import get
    from inpaint_tracker_client.retries import GROWTH_ENDS, Attempts, Silence

    attempts = Attempts(get("0198"), 3_000, "http://tracker")
    pauses = []
    for _ in range(2_500):
        attempts.settled(Silence("nobody"))
        pauses.append(attempts.pause)
    assert max(pauses) <= GROWTH_ENDS
    assert all(after > 0 for _, after in pairwise(pauses))

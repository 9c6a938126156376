"""Streams: what is sent, to whom, and how a listener goes on after an interruption."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import datetime
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from service.app import create_app
from service.live import broadcast
from service.live import listener as listener_module
from service.live import stream as stream_module
from service.live.broadcast import Broadcast, Wish
from tests import records
from tests.door import assert_problem, key, settings_for
from tests.samples import SILENCE, WEBHOOKS, delivered, looked_up, pending_job, upstream_id
from tests.service.dashboard.visiting import signed_in
from tests.service.listening import Ear, Heard, listening
from tests.serving import serving
from tracker.clock import utc_now
from tracker.events import Accepted, Withdrawn
from tracker.job import Job, Status
from tracker.settings import Settings
from tracker.store.changes import Changes
from tracker.store.feed import Feed
from tracker.store.jobs import JobStore
from tracker.store.keys import name
from tracker.store.pages import Filter


class Case:
    """A job in the store, moved by hand."""

    def __init__(self, store: JobStore, job: Job) -> None:
        self.store, self.job, self.up = store, job, upstream_id()
        self.path = f"/v1/jobs/{job.id}/stream"

    async def told(self, status: Status, **fields: Any) -> None:
        await self.store.apply(delivered(self.up, status, **fields), utc_now(), job_id=self.job.id, silence=SILENCE)


async def a_case(store: JobStore, **fields: Any) -> Case:
    """One that upstream has accepted."""
    case = Case(store, pending_job(utc_now(), **fields))
    await store.create(case.job, b"PNG")
    await store.work.claim(utc_now(), lease=SILENCE, max_in_flight=5000, webhooks=WEBHOOKS)
    await store.apply(Accepted(case.up, Status.QUEUED), utc_now(), job_id=case.job.id, silence=SILENCE)
    return case


@asynccontextmanager
async def served(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    limits = httpx.Limits(max_connections=None)
    async with serving(create_app(settings)) as url, httpx.AsyncClient(base_url=url, limits=limits, timeout=30) as api:
        yield api


@pytest.fixture
async def api(redis: Redis, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with served(settings) as api:
        yield api


def states(heard: list[Heard]) -> list[tuple[str, int]]:
    return [(one.data["status"], one.data["progress"]) for one in heard]


async def jobs_within(ear: Ear, seconds: float) -> list[Heard]:
    """What else is told in a while."""
    found: list[Heard] = []
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while True:
                found.append(await ear.job())
    return found


async def test_a_job_is_followed_from_where_it_is_to_its_end(api: httpx.AsyncClient, store: JobStore) -> None:
    """First as it is, then each change; the stream ends by itself after the final state."""
    case = await a_case(store)
    async with listening(api, case.path) as ear:
        seen = [await ear.job()]
        for progress in (30, 60):
            await case.told(Status.PROCESSING, progress=progress)
            seen.append(await ear.job())
        await case.told(Status.COMPLETED)
        seen += await ear.rest()
    assert states(seen) == [("QUEUED", 0), ("PROCESSING", 30), ("PROCESSING", 60), ("COMPLETED", 100)]
    final = await api.get(f"/v1/jobs/{case.job.id}", headers=key("editor"))
    assert seen[-1].data == final.json()
    assert ear.response.headers["content-type"].startswith("text/event-stream")
    assert ear.response.headers["x-accel-buffering"] == "no"


async def test_a_final_job_is_told_once_and_that_is_all(api: httpx.AsyncClient, store: JobStore) -> None:
    """And whoever has that already is told 204, at which a browser stops asking."""
    case = await a_case(store)
    await case.told(Status.COMPLETED)
    async with listening(api, case.path) as ear:
        heard = await ear.rest()
    assert states(heard) == [("COMPLETED", 100)]
    again = await api.get(case.path, headers={**key("editor"), "Last-Event-ID": heard[0].id})
    assert again.status_code == 204


async def test_a_job_goes_on_behind_the_version_that_the_listener_has(api: httpx.AsyncClient, store: JobStore) -> None:
    """Nothing is told again, and what came in between is."""
    case = await a_case(store)
    async with listening(api, case.path) as ear:
        first = await ear.job()
    async with listening(api, case.path, last=first.id) as ear:
        await case.told(Status.PROCESSING, progress=30)
        second = await ear.job()
    await case.told(Status.PROCESSING, progress=60)
    async with listening(api, case.path, last=second.id) as ear:
        third = await ear.job()
    assert states([first, second, third]) == [("QUEUED", 0), ("PROCESSING", 30), ("PROCESSING", 60)]


async def test_all_changes_are_told_from_now_on(api: httpx.AsyncClient, store: JobStore) -> None:
    """And nothing of what was before."""
    old, case = await a_case(store), await a_case(store)
    await old.told(Status.COMPLETED)
    async with listening(api, "/v1/stream") as ear:
        assert (await ear.next()).event == ":"
        await case.told(Status.PROCESSING, progress=30)
        heard = await ear.job()
    assert (heard.data["id"], heard.data["progress"]) == (case.job.id, 30)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("owner=editor", "mine"),
        ("owner=shop", "theirs"),
        ("label.order=1", "mine"),
        ("label.order=2&owner=editor", ""),
        ("status=CANCELLED", "theirs"),
        ("status=PROCESSING&status=COMPLETED", "mine"),
        ("parentJobId=00000000-0000-4000-8000-000000000001", "theirs"),
        ("createdBefore=2020-01-01T00:00:00Z", ""),
        ("createdAfter=2020-01-01T00:00:00Z", "mine theirs"),
    ],
)
async def test_filters_are_those_of_the_list(
    api: httpx.AsyncClient, store: JobStore, query: str, expected: str
) -> None:
    """A job that matches is told, and no other."""
    mine = await a_case(store, labels={"order": "1"})
    parent = "00000000-0000-4000-8000-000000000001"
    last = await a_case(store, owner="end")
    theirs = pending_job(utc_now(), owner="shop", labels={"order": "2"}, parent_job_id=parent)
    await store.create(theirs, b"PNG")
    async with listening(api, f"/v1/stream?{query}", "auditor") as ear, listening(api, "/v1/stream", "auditor") as all_:
        await asyncio.gather(ear.next(), all_.next())
        await mine.told(Status.PROCESSING, progress=30)
        await store.apply(Withdrawn("shop"), utc_now(), job_id=theirs.id, silence=SILENCE)
        await last.told(Status.COMPLETED)
        assert len(await all_.jobs(3)) == 3  # so all have been told of by now
        names = {mine.job.id: "mine", theirs.id: "theirs"}
        heard = [await ear.job() for _ in expected.split()]
        heard += await jobs_within(ear, 0.1)
        assert [names[one.data["id"]] for one in heard if one.data["id"] in names] == expected.split()


async def test_others_jobs_are_told_to_those_who_may_see_them(api: httpx.AsyncClient, store: JobStore) -> None:
    """`read` sees its own, `read:all` everybody's; what may not be seen is not there."""
    theirs, mine = await a_case(store, owner="shop"), await a_case(store)
    async with listening(api, "/v1/stream") as ear, listening(api, "/v1/stream", "auditor") as auditor:
        await asyncio.gather(ear.next(), auditor.next())
        await theirs.told(Status.COMPLETED)
        await mine.told(Status.COMPLETED)
        assert (await ear.job()).data["owner"] == "editor"
        assert [one.data["owner"] for one in await auditor.jobs(2)] == ["shop", "editor"]
    assert_problem(await api.get(theirs.path, headers=key("editor")), 404)
    assert_problem(await api.get("/v1/stream"), 401)


async def test_a_listener_resumes_without_gap_or_repetition_over_a_restart(
    redis: Redis, settings: Settings, store: JobStore
) -> None:
    """The service goes, jobs go on, another process comes: each final state is told once, in order."""
    cases = [await a_case(store) for _ in range(30)]
    heard: list[Heard] = []
    async with served(settings) as api, listening(api, "/v1/stream") as ear:
        await ear.next()
        for case in cases[:10]:
            await case.told(Status.COMPLETED)
        heard += await ear.jobs(8)  # two are on their way still
    for case in cases[10:20]:
        await case.told(Status.PROCESSING, progress=10)
        await case.told(Status.COMPLETED)
    async with served(settings) as api, listening(api, "/v1/stream", last=heard[-1].id) as ear:
        for case in cases[20:]:
            await case.told(Status.COMPLETED)
        heard += await ear.jobs(22)
    assert [one.data["id"] for one in heard] == [case.job.id for case in cases]
    assert len({one.id for one in heard}) == 30


async def test_whoever_has_had_no_event_yet_resumes_from_the_comment(
    redis: Redis, settings: Settings, store: JobStore
) -> None:
    """`: at …` tells where the stream began."""
    case = await a_case(store)
    async with served(settings) as api, listening(api, "/v1/stream") as ear:
        at = (await ear.next()).data.removeprefix("at ")
    await case.told(Status.COMPLETED)
    async with served(settings) as api, listening(api, "/v1/stream", last=at) as ear:
        assert (await ear.job()).data["status"] == "COMPLETED"


async def test_a_listener_that_comes_while_changes_stream_in_misses_none_and_sees_none_twice(
    api: httpx.AsyncClient, store: JobStore
) -> None:
    """Connected again and again in the middle of a burst, with the last id that it has."""
    cases = [await a_case(store) for _ in range(120)]
    async with listening(api, "/v1/stream") as ear:
        last = (await ear.next()).data.removeprefix("at ")
    heard: list[Heard] = []

    async def burst() -> None:
        for case in cases:
            await case.told(Status.COMPLETED)

    bursting = asyncio.create_task(burst())
    while len(heard) < len(cases):
        async with asyncio.timeout(10), listening(api, "/v1/stream", last=last) as ear:
            heard += await ear.jobs(min(7, len(cases) - len(heard)))
            last = heard[-1].id
    await bursting
    assert [one.data["id"] for one in heard] == [case.job.id for case in cases]


async def test_what_is_trimmed_is_told_as_a_gap(api: httpx.AsyncClient, store: JobStore, redis: Redis) -> None:
    """The stream goes on behind it."""
    case = await a_case(store)
    async with listening(api, "/v1/stream") as ear:
        last = (await ear.next()).data.removeprefix("at ")
    for progress in (10, 20, 30):
        await case.told(Status.PROCESSING, progress=progress)
    await redis.xtrim(name("feed"), maxlen=1, approximate=False)
    async with listening(api, "/v1/stream", last=last) as ear:
        assert (await ear.next()).event == ":"
        gap = await ear.next()
        assert (gap.event, gap.id) == ("gap", "")
        assert "list the jobs" in gap.data["detail"]
        assert (await ear.job()).data["progress"] == 30


class FailOver:
    """Redis as it was when this was made: what came afterwards is lost, and every connection is cut."""

    def __init__(self, redis: Redis, case: Case) -> None:
        self._redis, self._record = redis, name("job", case.job.id)

    async def __aenter__(self) -> "FailOver":
        self._before = await self._redis.get(self._record)
        [(self._last, _)] = await self._redis.xrevrange(name("feed"), count=1)
        return self

    async def __aexit__(self, *raised: object) -> None:
        """Only of news that moves nothing but the job's progress."""
        for entry, _ in await self._redis.xrange(name("feed"), min=b"(" + self._last):
            await self._redis.xdel(name("feed"), entry)
        await self._redis.set(self._record, self._before)
        for _ in range(5):  # for longer than redis-py mends by itself
            await self._redis.client_kill_filter(_type="normal", skipme=True)
            await asyncio.sleep(0.03)


async def test_after_a_fail_over_that_lost_something_whoever_listens_begins_again(
    api: httpx.AsyncClient, store: JobStore, redis: Redis
) -> None:
    """A job's version comes a second time, for something else: all the same its end is told."""
    case = await a_case(store)
    await case.told(Status.PROCESSING, progress=10)
    async with listening(api, "/v1/stream") as all_, listening(api, case.path) as ear:
        await asyncio.gather(all_.next(), ear.job())
        async with FailOver(redis, case):
            await case.told(Status.PROCESSING, progress=20)
            lost = [await ear.job(), await all_.job()]
        async with asyncio.timeout(5):
            assert [await ear.rest(), await all_.rest()] == [[], []]
    await case.told(Status.COMPLETED)
    async with listening(api, case.path, last=lost[0].id) as ear:
        assert states(await ear.rest()) == [("COMPLETED", 100)]
    async with listening(api, "/v1/stream", last=lost[1].id) as all_:
        assert [(await all_.next()).event, (await all_.next()).event] == [":", "gap"]


async def test_after_ids_went_back_a_listener_is_told_of_what_comes(api: httpx.AsyncClient, store: JobStore) -> None:
    """Redis' clock is behind that of the one before it: once more there is a gap, and then it goes on."""
    case = await a_case(store)
    async with listening(api, "/v1/stream", last="9999999999999-0/3") as ear:
        assert [(await ear.next()).event, (await ear.next()).event] == [":", "gap"]
        await case.told(Status.PROCESSING, progress=10)
        async with asyncio.timeout(2):
            assert (await ear.job()).data["progress"] == 10


@pytest.mark.parametrize("last", ["x", "1-", "1-1/", "9" * 30, "1-1/1/1", "-1", "1.5-1", "\u0661-\u0661"])
async def test_what_is_no_event_id_is_refused(api: httpx.AsyncClient, last: str) -> None:
    """By name."""
    headers = [*key("editor").items(), ("Last-Event-ID", last)]
    sent = [(name.encode(), value.encode()) for name, value in headers]
    assert_problem(await api.get("/v1/stream", headers=sent), 422, field="Last-Event-ID")


async def test_a_slow_listener_is_dropped_with_a_word_and_holds_up_nobody(
    redis: Redis, settings: Settings, store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that does not read, beside one that does: the other has all in time, and the first resumes where it was."""
    monkeypatch.setattr(listener_module, "MOST_WAITING", 20)
    cases = [await a_case(store, prompt="x" * 2000) for _ in range(6)]
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # else the system would hold all of it
    async with serving(create_app(settings), listener) as url, httpx.AsyncClient(base_url=url, timeout=30) as api:
        async with listening(api, "/v1/stream") as quick:
            await quick.next()
            reader, writer = await sluggish(url)
            for progress in range(1, 100):
                for case in cases:
                    await case.told(Status.PROCESSING, progress=progress)
                heard = await quick.jobs(len(cases))
            assert [one.data["progress"] for one in heard] == [99] * len(cases)
            text = (await reader.read()).decode()
            writer.close()
        *_, last, word = re.findall(r"(?:id: (\S+)\n)?event: (\w+)", text)
        assert (last[1], word) == ("job", ("", "dropped"))
        async with listening(api, "/v1/stream", last=last[0]) as again:
            assert sum(one.data["progress"] == 99 for one in await again.jobs(len(cases))) == len(cases)


async def sluggish(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A listener whose connection holds next to nothing, and who has not begun to read."""
    line = socket.socket()
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    line.setblocking(False)
    host, port = url.removeprefix("http://").split(":")
    await asyncio.get_running_loop().sock_connect(line, (host, int(port)))
    reader, writer = await asyncio.open_connection(sock=line, limit=4096)
    head = {"Host": "x", "Connection": "close", **key("editor")}
    lines = ["GET /v1/stream HTTP/1.1", *(f"{name}: {value}" for name, value in head.items())]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    await reader.readuntil(b": at ")
    return reader, writer


async def test_a_heartbeat_comes_when_nothing_else_does(
    redis: Redis, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the position from which to resume."""
    monkeypatch.setattr(broadcast, "HEARTBEAT_SECONDS", 0.05)
    async with served(settings) as api, listening(api, "/v1/stream") as ear:
        beats = [(await ear.next()).data for _ in range(3)]
    assert all(beat.startswith("at ") for beat in beats)


async def test_a_job_that_cannot_be_read_holds_up_no_other(
    api: httpx.AsyncClient, store: JobStore, redis: Redis
) -> None:
    """One of a newer version's, say, while it takes over: neither live nor in what is told again."""
    strange, well = await a_case(store, labels={"order": "1"}), await a_case(store)
    await records.write(redis, strange.job.id, labels='["of a newer version"]')
    async with listening(api, "/v1/stream") as ear:
        last = (await ear.next()).data.removeprefix("at ")
        await strange.told(Status.PROCESSING, progress=10)
        await well.told(Status.PROCESSING, progress=20)
        async with asyncio.timeout(2):
            assert (await ear.job()).data["progress"] == 20
    async with listening(api, "/v1/stream", last=last) as ear:
        assert (await ear.job()).data["progress"] == 20
    await records.write(redis, strange.job.id, labels='{"order":"1"}')


async def test_a_stop_ends_all_streams_at_once(redis: Redis, settings: Settings, store: JobStore) -> None:
    """Listeners see a clean end, and the service does not wait for them."""
    case = await a_case(store)
    async with AsyncExitStack() as stack:
        service = AsyncExitStack()
        url = await service.enter_async_context(serving(create_app(settings)))
        api = await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=30))
        ears = [await stack.enter_async_context(listening(api, path)) for path in ("/v1/stream", case.path)]
        await asyncio.gather(*(ear.next() for ear in ears))
        async with asyncio.timeout(2):
            await service.aclose()
            rests = [await ear.rest() for ear in ears]
    assert [len(rest) for rest in rests] == [0, 1]


async def test_a_stream_that_begins_while_the_service_stops_ends_at_once(redis: Redis) -> None:
    """Its request was in hand already: the stop would wait for it, and nobody would end it."""
    feed = Feed(redis)
    late = Broadcast(Changes(redis), feed)
    feed.close()
    with late.to_job("job") as one, late.to_all(Wish(Filter())) as all_:
        async with asyncio.timeout(1):
            assert [await one.frames(), await all_.frames()] == [None, None]


async def test_the_stream_of_a_session_is_taken_up_again_from_time_to_time(
    redis: Redis, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that whoever has signed out hears no more; one of a key goes on."""
    monkeypatch.setattr(stream_module, "SESSION_SECONDS", 0.3)
    async with served(settings) as api, served(settings) as browser:
        await signed_in(browser)
        async with asyncio.timeout(5), browser.stream("GET", "/v1/stream") as response:
            assert [line async for line in response.aiter_lines() if not line.startswith(":")] == [""]
        async with listening(api, "/v1/stream") as ear:
            await ear.next()
            assert await jobs_within(ear, 0.6) == []
            assert not ear.response.is_closed


async def test_the_stream_of_a_job_that_was_erased_ends(
    redis: Redis, settings: Settings, store: JobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stranger that turned out to be a job of ours: who follows the one is not kept for ever."""
    monkeypatch.setattr(broadcast, "HEARTBEAT_SECONDS", 0.1)
    up = upstream_id()
    stranger = await store.apply(delivered(up, Status.PROCESSING), utc_now(), job_id=None, silence=SILENCE)
    ours = pending_job(utc_now())
    await store.create(ours, b"PNG")
    await store.work.claim(utc_now(), lease=SILENCE, max_in_flight=50, webhooks=WEBHOOKS)
    async with served(settings) as api, listening(api, f"/v1/jobs/{stranger.job_id}/stream", "auditor") as ear:
        await ear.job()
        await store.apply(Accepted(up, Status.QUEUED), utc_now(), job_id=ours.id, silence=SILENCE)
        async with asyncio.timeout(5):
            assert await ear.rest() == []


async def test_a_listener_that_goes_is_forgotten(api: httpx.AsyncClient, store: JobStore) -> None:
    """As the metric shows."""

    async def open_streams() -> str:
        lines = (await api.get("/metrics")).text.splitlines()
        return next(line.split()[1] for line in lines if line.startswith("tracker_stream_listeners "))

    async with listening(api, "/v1/stream") as ear:
        await ear.next()
        assert await open_streams() == "1.0"
    async with asyncio.timeout(2):
        while await open_streams() != "0.0":
            await asyncio.sleep(0.01)


async def test_a_head_of_a_stream_is_answered_and_over(api: httpx.AsyncClient) -> None:
    """Headers alone."""
    answer = await api.head("/v1/stream", headers=key("editor"), timeout=2)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")


async def test_unknown_parameters_are_refused(api: httpx.AsyncClient) -> None:
    """As everywhere: a page has a limit, a stream has none."""
    assert_problem(await api.get("/v1/stream?limit=3", headers=key("editor")), 422, field="limit")


async def test_without_redis_there_is_no_stream(redis: Redis) -> None:
    """503, in time, and with a word when to come back."""
    async with served(settings_for("redis://127.0.0.1:1")) as api:
        answer = await api.get("/v1/stream", headers=key("editor"))
    assert_problem(answer, 503)
    assert answer.headers["retry-after"]


async def test_a_contradiction_that_reopens_nothing_is_told_as_it_ends(api: httpx.AsyncClient, store: JobStore) -> None:
    """Completed, contradicted, decided by upstream: who follows everything sees both ends."""
    case = await a_case(store)
    async with listening(api, "/v1/stream") as ear:
        await ear.next()
        await case.told(Status.COMPLETED)
        first = await ear.job()
        await case.told(Status.FAILED)
        decided = looked_up(case.up, Status.FAILED)
        await store.apply(decided, utc_now(), job_id=case.job.id, silence=SILENCE)
        second = await ear.job()
    assert states([first, second]) == [("COMPLETED", 100), ("FAILED", 100)]
    assert datetime.fromisoformat(first.data["updatedAt"]) <= datetime.fromisoformat(second.data["updatedAt"])

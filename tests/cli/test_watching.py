"""`watch` over streams: jobs by name, everything that matches, and what happens when the service goes away."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from cli.exits import Exit
from tests.cli.command import run, start
from tests.cli.terminal import on_terminal
from tests.client.unruly import END, HOLD, Act, Received, Stream, Unruly, answers, cut, passes_on, streams, unruly
from tests.door import KEYS, key, submission
from tests.processes import environment, free_port, started, until_ready
from tests.town import Town, town

Job = dict[str, Any]
JOB = {"id": "0198", "status": "PROCESSING", "progress": 10, "owner": "o", "prompt": None, "labels": {}, "result": None,
       "error": None, "createdAt": "2026-03-15T10:00:32.000Z", "updatedAt": "2026-03-15T10:00:33.000Z"}  # fmt: skip
NOT_FOUND = {"type": "/docs#not-found", "title": "Not found", "status": 404, "requestId": "1",
             "detail": "There is nothing at this address."}  # fmt: skip
GAP = b'event: gap\ndata: {"detail": "list again"}\n\n'


def told(number: int, **fields: Any) -> bytes:
    return f"id: {number}\nevent: job\ndata: {json.dumps({**JOB, **fields})}\n\n".encode()


class Watch:
    """A `watch --json` that goes on."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.states: list[Job] = []

    async def until(self, enough: Callable[[list[Job]], bool]) -> list[Job]:
        assert self.process.stdout is not None
        async with asyncio.timeout(30):
            while not enough(self.states):
                line = await self.process.stdout.readline()
                assert line, self.states
                self.states.append(json.loads(line))
        return self.states

    async def stop(self) -> tuple[int | None, str]:
        self.process.send_signal(signal.SIGINT)
        _, err = await self.process.communicate()
        return self.process.returncode, err.decode()


@asynccontextmanager
async def watching(here: Town | str, *arguments: str, caller: str = "editor") -> AsyncIterator[Watch]:
    url = here if isinstance(here, str) else str(here.settings.public_url)
    process = await start("watch", "--json", *arguments, TRACKER_URL=url, TRACKER_API_KEY=KEYS[caller][0])
    try:
        yield Watch(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def completed(count: int) -> Callable[[list[Job]], bool]:
    return lambda states: len({job["id"] for job in states if job["status"] == "COMPLETED"}) >= count


def by_path(**acts: Act | list[Act]) -> Act:
    """An act for each of `stream`, `jobs` and `job`, or one after the other."""

    async def act(received: Received) -> bytes | Stream:
        path = received.target.partition("?")[0]
        kind = "stream" if path.endswith("/stream") else "jobs" if path == "/v1/jobs" else "job"
        given = acts[kind]
        chosen = (given.pop(0) if len(given) > 1 else given[0]) if isinstance(given, list) else given
        return await chosen(received)

    return act


@pytest.fixture
async def slow(redis: object, redis_url: str) -> AsyncIterator[Town]:
    """Jobs take longer than a command takes to start."""
    async with town(redis_url, sandbox={"run_seconds": 4}) as running:
        yield running


async def test_everything_that_matches_is_followed_until_somebody_stops_it(slow: Town) -> None:
    """What runs already comes first; then each change of what matches, and of nothing else."""
    first = await slow.submit(labels={"order": "8"})
    async with watching(slow, "--label", "order=8") as watch:
        await watch.until(lambda states: bool(states))
        second = await slow.submit(labels={"order": "8"})
        await slow.submit(labels={"order": "9"})
        states = await watch.until(completed(2))
        assert {job["id"] for job in states} == {first["id"], second["id"]}
        for job_id in (first["id"], second["id"]):
            progress = [job["progress"] for job in states if job["id"] == job_id]
            assert progress == sorted(progress)
        assert await watch.stop() == (Exit.INTERRUPTED, "Stopped.\n")


async def test_a_job_that_had_the_status_is_followed_to_its_end(slow: Town) -> None:
    """Though it then has another; one that never has it is not shown."""
    async with watching(slow, "--status", "processing", "--status", "failed") as watch:
        job = await slow.submit()
        states = await watch.until(completed(1))
    assert (states[0]["status"], {one["id"] for one in states}) == ("PROCESSING", {job["id"]})


async def test_a_key_follows_what_it_may_see(slow: Town) -> None:
    """All of it, by --all: its own jobs, or everybody's."""
    async with watching(slow, "--all", caller="shop") as own, watching(slow, "--all", caller="auditor") as all_of_them:
        theirs = await slow.submit()
        body = submission(parentJobId=slow.parent_id)
        ours = (await slow.api.post("/v1/jobs", json=body, headers=key("shop"))).json()
        await all_of_them.until(completed(2))
        await own.until(completed(1))
    assert {job["id"] for job in own.states} == {ours["id"]}
    assert {job["id"] for job in all_of_them.states} == {ours["id"], theirs["id"]}


async def test_without_a_terminal_each_change_is_a_line(slow: Town) -> None:
    """On stdout, for `grep`; the same one is not said twice."""
    process = await start(
        "watch", "--all", TRACKER_URL=str(slow.settings.public_url), TRACKER_API_KEY=KEYS["editor"][0]
    )
    job = await slow.submit()
    assert process.stdout is not None
    lines: list[str] = []
    async with asyncio.timeout(20):
        while not lines or "COMPLETED" not in lines[-1]:
            lines.append((await process.stdout.readline()).decode())
    process.send_signal(signal.SIGTERM)
    assert (await process.communicate()) == (b"", b"Stopped.\n")
    assert process.returncode == Exit.TERMINATED
    assert all(line.startswith(job["id"]) for line in lines)
    assert lines[-1] == f"{job['id']}  COMPLETED  100 %\n"
    assert len(set(lines)) == len(lines)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Name jobs, or give filters, or --all."),
        (["x", "--all"], "not both"),
        (["x", "--status", "failed"], "not both"),
        (["--label", "order"], "--label order is not NAME=VALUE"),
        (["--status", "odd"], "'odd' is not one of"),
    ],
)
async def test_what_to_watch_is_said_in_one_way(arguments: list[str], words: str) -> None:
    """Else nobody is asked."""
    code, out, err = await run("http://127.0.0.1:9", "watch", *arguments)
    assert (code, out, len(err.splitlines())) == (Exit.USAGE, "", 1)
    assert words in err


async def test_an_older_service_is_asked_by_held_answers(here: Town) -> None:
    """It has no streams, neither for a job nor for all."""
    older = by_path(stream=answers(404, NOT_FOUND), jobs=passes_on(here), job=passes_on(here))
    async with unruly(older) as between:
        job = await here.submit()
        code, out, err = await run(between.url, "watch", job["id"])
        assert (code, out.count("http"), "COMPLETED" in err) == (0, 4, True)
        async with watching(between.url, "--all") as watch:
            await until_asked(between, "/v1/jobs?", 2)
            quick = await here.submit()
            await watch.until(completed(1))
            assert {one["id"] for one in watch.states} == {quick["id"]}
            assert (await watch.stop())[0] == Exit.INTERRUPTED


async def until_asked(server: Unruly, path: str, times: int) -> None:
    while sum(request.target.startswith(path) for request in server.requests) < times:
        await asyncio.sleep(0.02)


async def test_a_job_that_is_not_there_is_refused(here: Town) -> None:
    """In the service's words, over a stream, too."""
    code, out, err = await run(here, "watch", "no-such-job")
    assert (code, out) == (Exit.REFUSED, "")
    assert err.startswith("There is no such job")


async def test_a_stream_that_is_cut_is_taken_up_again() -> None:
    """With the last id, and what was told is not told again."""
    final = {"status": "COMPLETED", "progress": 100, "result": {"images": ["http://i/1"]}}
    acts = [streams(told(1), told(2, progress=20)[:-9]), cut, answers(503, NOT_FOUND, Retry_After="1"),
            streams(told(2, progress=20), told(3, **final), END)]  # fmt: skip
    async with unruly(*acts) as server:
        code, out, err = await run(server.url, "watch", "0198", "--json")
        assert (code, err) == (0, "")
        assert [json.loads(line)["progress"] for line in out.splitlines()] == [10, 20, 100]
        assert [request.headers.get("last-event-id") for request in server.requests] == [None, "1", "1", "1"]


async def test_after_a_gap_the_jobs_are_listed_again() -> None:
    """Those that run, how it went with those that ran, and those that came and went meanwhile.

    What the list knew first is not told again.
    """
    ended = {"status": "COMPLETED", "progress": 100, "updatedAt": "2026-03-15T10:00:40.000Z"}

    def page(*jobs: Job) -> Act:
        return answers(200, {"nextCursor": None, "jobs": [{**JOB, **job} for job in jobs]})

    old, quick, running = {**ended, "id": "0197"}, {**ended, "id": "0200"}, {"id": "0199"}
    acts = by_path(
        stream=[streams(told(1), 0.2, GAP, 0.2, told(2, id="0199"), told(3), told(4, id="0199", progress=20), HOLD)],
        jobs=[page(old), page(), page(quick), page(running), page(quick, old)],
        job=answers(200, {**JOB, **ended}),
    )
    async with unruly(acts) as server, watching(server.url, "--all") as watch:
        states = await watch.until(lambda states: bool(states) and states[-1]["progress"] == 20)
    assert [(job["id"], job["progress"]) for job in states] == [
        ("0198", 10),
        ("0199", 10),
        ("0198", 100),
        ("0200", 100),
        ("0199", 20),
    ]


async def test_who_waits_for_ever_is_told_that_nobody_answers() -> None:
    """Once, after some seconds; a service that was never there is not waited for."""
    acts = by_path(stream=[streams(told(1), END), cut], jobs=answers(200, {"nextCursor": None, "jobs": []}))
    async with unruly(acts) as server, watching(server.url, "--all") as watch:
        await watch.until(lambda states: bool(states))
        assert watch.process.stderr is not None
        async with asyncio.timeout(20):
            line = (await watch.process.stderr.readline()).decode()
        assert line.startswith(f"{server.url} cannot be reached: ")
        assert line.endswith("; trying on.\n")
        assert await watch.stop() == (Exit.INTERRUPTED, "Stopped.\n")
    url = f"http://127.0.0.1:{free_port()}"
    code, _, err = await run(url, "watch", "--all")
    assert (code, err.startswith(f"{url} cannot be reached: "), len(err.splitlines())) == (Exit.UNREACHABLE, True, 1)


@pytest.mark.parametrize("what", ["0198", "--all"])
async def test_a_service_that_wants_more_patience_than_we_have_is_left(what: str) -> None:
    """At first; with the reason."""
    async with unruly(answers(503, NOT_FOUND, Retry_After="60")) as server:
        code, _, err = await run(server.url, "watch", what)
        assert len(server.requests) == 1
    assert (code, err) == (Exit.UNREACHABLE, f"{server.url} cannot be reached: HTTP 503\n")


STRANGERS = {
    "a page": streams(b"<html>", END, media="text/html"),
    "other events": streams(b"event: job\ndata: 5\n\n", HOLD),
    "elsewhere": answers(302, b"", Location="/login"),
    "no content": answers(404, b"<html>"),
}


@pytest.mark.parametrize("act", STRANGERS.values(), ids=STRANGERS)
@pytest.mark.parametrize("what", ["x", "--all"])
async def test_a_strangers_stream_is_none_of_ours(act: Act, what: str) -> None:
    """Whatever it sends."""
    listed = answers(200, {"nextCursor": None, "jobs": []})
    async with unruly(by_path(stream=act, jobs=listed, job=answers(404, b"<html>"))) as server:
        code, _, err = await run(server.url, "watch", what)
    assert (code, len(err.splitlines())) == (Exit.UNREACHABLE, 1), err
    assert "not as an inpaint-tracker does; check TRACKER_URL." in err


@pytest.mark.usefixtures("redis")
async def test_a_restart_of_the_service_is_survived(redis_url: str, tmp_path: Path) -> None:
    """By who follows a job, and by who follows everything: nothing that happened meanwhile is missed."""
    port = free_port()
    url, env = f"http://127.0.0.1:{port}", environment(redis_url, APIFRAME_BASE_URL="http://127.0.0.1:9")
    serve = ["cli", "serve", "--port", str(port)]

    async def submitted(client: httpx.AsyncClient) -> Job:
        job: Job = (await client.post(f"{url}/v1/jobs", json=submission(), headers=key("editor"))).json()
        return job

    async with httpx.AsyncClient() as client:
        async with started(serve, env, tmp_path / "1.log") as service:
            await until_ready(url, service)
            one, two = await submitted(client), await submitted(client)
            by_id, by_filter = await _both(url, one)
            await by_filter.until(lambda states: len(states) == 2)
            await by_id.until(lambda states: len(states) == 1)
            await service.stop()
        other = environment(redis_url, APIFRAME_BASE_URL="http://127.0.0.1:9")
        elsewhere = free_port()
        async with started(["cli", "serve", "--port", str(elsewhere)], other, tmp_path / "2.log") as meanwhile:
            await until_ready(f"http://127.0.0.1:{elsewhere}", meanwhile)
            (
                await client.post(f"http://127.0.0.1:{elsewhere}/v1/jobs/{one['id']}/cancel", headers=key("editor"))
            ).raise_for_status()
        async with started(serve, env, tmp_path / "3.log") as service:
            await until_ready(url, service)
            await by_id.until(lambda states: states[-1]["status"] == "CANCELLED")
            await by_filter.until(lambda states: states[-1]["status"] == "CANCELLED")
            (await client.post(f"{url}/v1/jobs/{two['id']}/cancel", headers=key("editor"))).raise_for_status()
            await by_filter.until(lambda states: states[-1]["id"] == two["id"])
            assert await by_id.process.wait() == Exit.FAILED
            assert (await by_filter.stop())[0] == Exit.INTERRUPTED
    assert [(job["id"], job["status"]) for job in by_filter.states] == [
        (one["id"], "PENDING"), (two["id"], "PENDING"), (one["id"], "CANCELLED"), (two["id"], "CANCELLED")
    ]  # fmt: skip


async def _both(url: str, job: Job) -> tuple[Watch, Watch]:
    def follow(what: str) -> Awaitable[asyncio.subprocess.Process]:
        return start("watch", "--json", what, TRACKER_URL=url, TRACKER_API_KEY=KEYS["editor"][0])

    return Watch(await follow(job["id"])), Watch(await follow("--all"))


@pytest.mark.usefixtures("redis")
async def test_on_a_terminal_there_are_as_many_bars_as_rows(redis_url: str) -> None:
    """A line tells of the others; Ctrl-C leaves the last picture, and a cursor."""
    async with town(redis_url, worker=False) as here:
        for number in range(12):
            await here.submit(labels={"number": str(number)})
        async with on_terminal(here, "watch", "--all", columns=120, rows=10) as terminal:
            lines = await terminal.until(lambda lines: any("12 pending" in line for line in lines))
            assert lines[-1] == "12 jobs: 12 pending; 4 not shown"
            assert sum("━" in line for line in lines) == 8
            assert all("number=" in line for line in lines[:-1])
            assert await terminal.stop() == Exit.INTERRUPTED
            assert terminal.screen()[-2:] == ["12 jobs: 12 pending; 4 not shown", "Stopped."]
            assert terminal.written.rindex(b"\x1b[?25h") > terminal.written.rindex(b"\x1b[?25l")


async def test_on_a_terminal_the_images_come_after_the_bars(here: Town) -> None:
    """Each bar in its place, in the order that was asked for, and as wide as the terminal."""
    jobs = [await here.submit() for _ in range(3)]
    ids = [job["id"] for job in reversed(jobs)]
    async with on_terminal(here, "watch", *ids) as terminal:
        assert await terminal.end() == 0
        lines = terminal.screen()
    assert [line.split()[0] for line in lines] == [*ids, *(job_id for job_id in ids for _ in range(4))]
    assert all(("100 %" in line and "COMPLETED" in line) for line in lines[:3])
    assert all(len(line) <= 80 for line in lines[:3])

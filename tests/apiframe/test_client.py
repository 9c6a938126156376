"""The client against a sandbox over real HTTP, and against upstreams that break in ways it never would."""

import asyncio
import socket
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.types import ASGIApp

from sandbox.serve import serving
from tests.apiframe.recorded import JOB_ID
from tests.apiframe.upstream import KEY, MASK, OUR_ID, Recorder, bytes_server, charges, client_of, sandboxed, submit
from tests.resets import resetting, under_busy_uvloop
from tests.sandbox.actors import Caller
from tracker.apiframe.client import ApiframeClient
from tracker.apiframe.protocol import (
    EdgeBlock,
    InsufficientCredits,
    LookupResult,
    Missing,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    SubmissionResult,
    TryAgain,
    Unauthorized,
    inpaint_request,
)
from tracker.events import Accepted, Report
from tracker.job import Source, Status

LOST_ANSWERS = ["submit_504", "submit_cut", "submit_without_id"]
TAKEN = {"jobId": JOB_ID, "status": "QUEUED"}


@asynccontextmanager
async def asking(app: ASGIApp, **settings: Any) -> AsyncIterator[ApiframeClient]:
    async with serving(app) as url, client_of(url, **settings) as client:
        yield client


async def test_a_submission_is_accepted_as_it_was_meant(sandbox: Caller, client: ApiframeClient) -> None:
    """What upstream keeps of it is what was given."""
    parent = await sandbox.seed()
    result = await submit(client, parent, webhook_url="http://127.0.0.1:9/hook")
    assert isinstance(result, Accepted)
    assert result.status is Status.QUEUED
    assert (await sandbox.job(result.upstream_job_id)).json()["input"] == {
        "action": "inpaint",
        "parentJobId": parent,
        "prompt": "a red balloon",
        "webhookUrl": "http://127.0.0.1:9/hook",
        "webhookEvents": ["progress", "completed", "failed"],
    }


async def test_the_same_key_gives_the_same_job_and_one_charge(sandbox: Caller, client: ApiframeClient) -> None:
    """A crash between upstream's answer and our write costs nothing."""
    parent = await sandbox.seed()
    first, second = await submit(client, parent), await submit(client, parent)
    assert isinstance(first, Accepted)
    assert isinstance(second, Accepted)
    assert first.upstream_job_id == second.upstream_job_id
    assert await charges(sandbox) == [first.upstream_job_id]


async def test_repetitions_at_the_same_time_give_one_job(sandbox: Caller, client: ApiframeClient) -> None:
    """Two workers that both believe the attempt to be theirs."""
    parent = await sandbox.seed()
    results = await asyncio.gather(*[submit(client, parent) for _ in range(5)])
    assert len({result.upstream_job_id for result in results if isinstance(result, Accepted)}) == 1
    assert len(await charges(sandbox)) == 1


async def test_a_mask_of_another_size_is_refused_with_upstreams_words(sandbox: Caller, client: ApiframeClient) -> None:
    """400, with the field at fault."""
    result = await submit(client, await sandbox.seed(width=32, height=32))
    assert isinstance(result, Rejected)
    assert result.status_code == 400
    assert "mask: Mask is 64x64" in result.message


async def test_an_unknown_key_is_unauthorized(sandbox: Caller) -> None:
    """401."""
    async with client_of(str(sandbox.http.base_url), apiframe_api_key="afk_unknown") as stranger:
        assert await submit(stranger, await sandbox.seed()) == Unauthorized(401, "Invalid API key")
        assert await stranger.job(JOB_ID) == Unauthorized(401, "Invalid API key")


async def test_an_inactive_key_is_unauthorized(sandbox: Caller, client: ApiframeClient) -> None:
    """403 in upstream's JSON."""
    parent = await sandbox.seed()
    await sandbox.mischief(key_inactive=True)
    assert await submit(client, parent) == Unauthorized(403, "API key is inactive")
    assert await client.job(parent) == Unauthorized(403, "API key is inactive")


async def test_missing_credits_are_told_and_nothing_is_charged(sandbox: Caller, client: ApiframeClient) -> None:
    """402."""
    parent = await sandbox.seed()
    await sandbox.mischief(credits=3)
    assert await submit(client, parent) == InsufficientCredits(16, 3, "Insufficient credits")
    assert await charges(sandbox) == []


async def test_an_unknown_parent_is_refused(sandbox: Caller, client: ApiframeClient) -> None:
    """404, for a submission, is the job's fault."""
    assert await submit(client, JOB_ID) == Rejected(404, "Parent job not found")


async def test_an_expired_parent_is_refused(sandbox: Caller, client: ApiframeClient) -> None:
    """409: its state does not allow the action."""
    parent = await sandbox.seed()
    await sandbox.mischief(expired=True)
    result = await submit(client, parent)
    assert isinstance(result, Rejected)
    assert result.status_code == 409


async def test_the_same_key_with_another_body_is_refused(sandbox: Caller, client: ApiframeClient) -> None:
    """409 again, and never a second job."""
    parent = await sandbox.seed()
    await submit(client, parent)
    result = await submit(client, parent, prompt="a blue balloon")
    assert isinstance(result, Rejected)
    assert result.status_code == 409
    assert len(await charges(sandbox)) == 1


async def test_a_rate_limit_says_how_long_to_wait(sandbox: Caller, client: ApiframeClient) -> None:
    """429, for submissions and lookups; nothing was taken."""
    parent = await sandbox.seed()
    await sandbox.mischief(submit_429=1, poll_429=1, retry_after=7)
    assert await submit(client, parent) == RateLimited(7)
    assert await client.job(parent) == RateLimited(7)
    assert await charges(sandbox) == []


async def test_an_outage_is_worth_another_try(sandbox: Caller, client: ApiframeClient) -> None:
    """503, for submissions and lookups."""
    parent = await sandbox.seed()
    await sandbox.mischief(submit_503=1, poll_503=1)
    assert await submit(client, parent) == TryAgain("Service unavailable")
    assert await client.job(parent) == TryAgain("Service unavailable")


async def test_a_block_at_the_edge_blames_neither_key_nor_job(sandbox: Caller, client: ApiframeClient) -> None:
    """403 in HTML, for a submission."""
    parent = await sandbox.seed()
    await sandbox.mischief(submit_edge_403=1)
    assert isinstance(await submit(client, parent), EdgeBlock)


async def test_a_block_at_the_edge_loses_no_job() -> None:
    """The same for a lookup: neither missing nor unauthorized."""
    async with asking(HTMLResponse("error code: 1010", 403)) as client:
        assert isinstance(await client.job(JOB_ID), EdgeBlock)


@pytest.mark.parametrize("fault", LOST_ANSWERS)
async def test_a_lost_answer_leaves_the_outcome_open_and_the_same_key_settles_it(
    sandbox: Caller, client: ApiframeClient, fault: str
) -> None:
    """The job was taken and paid for; the repetition learns its id and pays nothing."""
    parent = await sandbox.seed()
    await sandbox.mischief(**{fault: 1, "times": 1})
    assert isinstance(await submit(client, parent), OutcomeUnknown)
    again = await submit(client, parent)
    assert isinstance(again, Accepted)
    assert await charges(sandbox) == [again.upstream_job_id]


async def test_a_timeout_leaves_the_outcome_open_and_the_same_key_settles_it(sandbox: Caller) -> None:
    """Within the deadline, whatever upstream is busy with."""
    parent = await sandbox.seed()
    await sandbox.mischief(submit_delayed=1, delay_seconds=(60, 60), times=1)
    async with client_of(str(sandbox.http.base_url), apiframe_timeout_seconds=0.5) as hasty:
        async with asyncio.timeout(5):
            assert isinstance(await submit(hasty, parent), OutcomeUnknown)
        again = await submit(hasty, parent)
    assert isinstance(again, Accepted)
    assert await charges(sandbox) == [again.upstream_job_id]


async def test_the_deadline_is_for_the_whole_request() -> None:
    """An upstream that drips a byte at a time never starves a read, and is given up all the same."""

    async def drip() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(0.01)

    async with asking(StreamingResponse(drip(), 202), apiframe_timeout_seconds=0.3) as client, asyncio.timeout(5):
        assert isinstance(await submit(client, JOB_ID), OutcomeUnknown)
        assert isinstance(await client.job(JOB_ID), TryAgain)


async def test_with_nobody_listening_nothing_was_sent() -> None:
    """So another try risks nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    async with client_of(f"http://127.0.0.1:{port}") as client:
        assert await submit(client, JOB_ID) == TryAgain("upstream cannot be reached: ConnectError")
        assert await client.job(JOB_ID) == TryAgain("upstream cannot be reached: ConnectError")


async def test_behind_a_proxy_that_refuses_nothing_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """It never opened the tunnel to upstream."""
    async with bytes_server(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        async with client_of("https://api.apiframe.invalid") as client:
            assert await submit(client, JOB_ID) == TryAgain("upstream cannot be reached: ProxyError")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x00\xff nonsense\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 202 Accepted\r\nContent-Length: 100\r\n\r\n{",
        b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 202 Accepted\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\njunk",
        b"HTTP/1.1 202 Accepted\r\nContent-Type: text/plain; charset=\xff\r\nContent-Length: 4\r\n\r\n\xff\xff{}",
        b"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://[::\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 307 Temporary Redirect\r\nLocation: ftp://elsewhere\r\nContent-Length: 0\r\n\r\n",
    ],
    ids=range(9),
)
async def test_no_answer_however_broken_raises(answer: bytes) -> None:
    """Hung up, cut, not HTTP, not what its headers say: a value each time."""
    async with bytes_server(answer) as url, client_of(url) as client:
        assert isinstance(await submit(client, JOB_ID), OutcomeUnknown | TryAgain)
        assert isinstance(await client.job(JOB_ID), TryAgain)


def test_no_connection_that_is_reset_as_it_is_made_raises() -> None:
    """By a process that is killed just then: an answer of ours each time, so that no lookup is a 500."""

    async def attempts(url: str) -> list[SubmissionResult | LookupResult]:
        async with client_of(url) as client:
            submissions = [submit(client, JOB_ID) for _ in range(100)]
            return await asyncio.gather(*submissions, *[client.job(JOB_ID) for _ in range(100)])

    with resetting() as url:
        results = under_busy_uvloop(attempts(url))
    assert {type(result) for result in results[:100]} <= {OutcomeUnknown, TryAgain}
    assert {type(result) for result in results[100:]} == {TryAgain}


async def test_requests_say_who_we_are_and_which_job_they_are_for(sandbox: Caller) -> None:
    """In the sandbox's log: the User-Agent as configured, and our id as the Idempotency-Key of the submission."""
    async with client_of(str(sandbox.http.base_url), apiframe_user_agent="studio/7 (+https://s.example)") as client:
        result = await submit(client, await sandbox.seed())
        assert isinstance(result, Accepted)
        await client.job(result.upstream_job_id)
    entries = (await sandbox.http.get("/sandbox/log")).json()["entries"]
    sent = [entry for entry in entries if entry["kind"] == "request"]
    assert [(entry["userAgent"], entry["idempotencyKey"]) for entry in sent] == [
        ("studio/7 (+https://s.example)", OUR_ID),
        ("studio/7 (+https://s.example)", None),
    ]


async def test_a_submission_is_these_bytes_with_these_headers() -> None:
    """The key without the newline of the file it came from, and a body that the Idempotency-Key can be bound to."""
    recorder = Recorder(JSONResponse(TAKEN, 202))
    async with asking(recorder, apiframe_api_key=f"{KEY}\n") as client:
        assert await submit(client, JOB_ID) == Accepted(JOB_ID, Status.QUEUED)
    [(line, headers, body)] = recorder.requests
    assert line == "POST /v2/images/midjourney/action"
    assert body == inpaint_request(JOB_ID, MASK, "a red balloon", None)
    wanted = ("x-api-key", "idempotency-key", "content-type", "accept")
    assert [headers[name] for name in wanted] == [KEY, OUR_ID, "application/json", "application/json"]


@pytest.mark.parametrize("suffix", ["", "/", "/v2", "/v2/"])
async def test_the_base_url_may_be_either_of_the_documented_ones(suffix: str) -> None:
    """Upstream's pages give it with and without `/v2`."""
    recorder = Recorder(JSONResponse(TAKEN, 202))
    async with serving(recorder) as url, client_of(url + suffix) as client:
        await submit(client, JOB_ID)
        await client.job(JOB_ID)
    lines = [line for line, _, _ in recorder.requests]
    assert lines == ["POST /v2/images/midjourney/action", f"GET /v2/jobs/{JOB_ID}"]


async def test_one_connection_serves_many_requests() -> None:
    """A handshake each time would cost more than the request."""
    recorder = Recorder(JSONResponse(TAKEN, 202))
    async with asking(recorder) as client:
        for _ in range(3):
            await submit(client, JOB_ID)
            await client.job(JOB_ID)
    assert (len(recorder.requests), len(recorder.ports)) == (6, 1)


async def test_a_redirect_is_not_followed() -> None:
    """The key goes to the configured host alone."""
    recorder = Recorder(RedirectResponse("http://127.0.0.1:9/elsewhere", 307))
    async with asking(recorder) as client:
        assert isinstance(await submit(client, JOB_ID), TryAgain)
        assert isinstance(await client.job(JOB_ID), TryAgain)
    assert len(recorder.requests) == 2


async def test_nothing_is_tried_twice() -> None:
    """Repeating is the worker's business, who knows what it may cost."""
    recorder = Recorder(Response(status_code=503))
    async with asking(recorder) as client:
        await submit(client, JOB_ID)
        await client.job(JOB_ID)
    assert len(recorder.requests) == 2


async def test_no_result_tells_the_key(sandbox: Caller, client: ApiframeClient) -> None:
    """Results are logged and shown."""
    results: list[Any] = [await submit(client, JOB_ID), await client.job(JOB_ID)]
    await sandbox.mischief(key_inactive=True)
    results += [await submit(client, JOB_ID), await client.job(JOB_ID)]
    assert KEY not in repr(results)


async def test_a_queued_job_is_found() -> None:
    """Nothing has happened to it yet, save that it was paid for."""
    async with sandboxed(queue_seconds=3600) as sandbox, client_of(str(sandbox.http.base_url)) as client:
        parent = await sandbox.seed()
        result = await submit(client, parent)
        assert isinstance(result, Accepted)
        report = await client.job(result.upstream_job_id)
    assert isinstance(report, Report)
    assert (report.status, report.progress, report.credit_cost) == (Status.QUEUED, 0, 16)
    assert report.origin == {"action": "inpaint", "parentJobId": parent, "prompt": "a red balloon"}


@pytest.mark.parametrize(
    ("fault", "status", "progress", "cost"),
    [
        ("", Status.COMPLETED, 100, 16),
        ("job_stalled", Status.PROCESSING, 0, 16),
        ("job_failed", Status.FAILED, 0, 0),
        ("job_cancelled", Status.CANCELLED, None, None),
    ],
)
async def test_a_job_is_found_in_every_state(
    sandbox: Caller, client: ApiframeClient, fault: str, status: Status, progress: int | None, cost: int | None
) -> None:
    """As upstream has it, with all that it tells."""
    await sandbox.mischief(**{fault: 1} if fault else {})
    result = await submit(client, await sandbox.seed())
    assert isinstance(result, Accepted)
    await sandbox.settled(result.upstream_job_id)
    report = await client.job(result.upstream_job_id)
    assert isinstance(report, Report)
    assert (report.source, report.status, report.progress, report.credit_cost) == (Source.POLL, status, progress, cost)
    assert (report.error is not None) == (status is Status.FAILED)
    assert (report.result is not None) == (status is Status.COMPLETED)
    if report.result:
        assert len(report.result.images) == 4
        assert report.result.grid_url
        assert report.completed_at


async def test_an_expired_result_is_told(sandbox: Caller, client: ApiframeClient) -> None:
    """The images are still named, and gone."""
    parent = await sandbox.seed()
    await sandbox.mischief(expired=True)
    report = await client.job(parent)
    assert isinstance(report, Report)
    assert report.expired
    assert report.result


async def test_a_job_that_is_not_there_is_missing(client: ApiframeClient) -> None:
    """404 in upstream's JSON: never there, forgotten, or another user's."""
    assert await client.job(str(uuid.uuid4())) == Missing()

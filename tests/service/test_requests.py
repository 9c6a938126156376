"""Around every request: its id, its log line, and no traceback for anyone."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.door import KEYS, UPSTREAM_KEY, assert_problem, door, key, signed, submission
from tests.samples import upstream_id
from tracker import logs
from tracker.settings import Settings


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> "Lines":
    return Lines(capsys)


class Lines:
    """The JSON lines logged so far."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.text = ""

    def take(self) -> str:
        self.text += self._capsys.readouterr().err
        return self.text

    def read(self) -> list[dict[str, object]]:
        self.take()
        return [json.loads(line) for line in self.text.splitlines()]


async def test_every_answer_carries_a_request_id(api: httpx.AsyncClient) -> None:
    """The caller's, if it sent a sane one."""
    assert (await api.get("/healthz")).headers["x-request-id"]
    assert (await api.get("/healthz", headers={"X-Request-ID": "abc-1"})).headers["x-request-id"] == "abc-1"
    for odd in ("a b", "x" * 200, "é", '"><script>'):
        answer = await api.get("/healthz", headers=[(b"X-Request-ID", odd.encode("latin-1"))])
        assert answer.headers["x-request-id"] != odd


async def test_unknown_addresses_and_methods_are_problems_too(api: httpx.AsyncClient) -> None:
    """404; 405 with what is allowed."""
    assert_problem(await api.get("/v2/nothing"), 404)
    answer = await api.delete("/v1/jobs")
    assert_problem(answer, 405)
    assert {"GET", "POST"} <= set(answer.headers["allow"].split(", "))


async def test_headers_above_the_limit_are_a_problem(api: httpx.AsyncClient) -> None:
    """431."""
    assert_problem(await api.get("/healthz", headers={"X-Long": "x" * 17_000}), 431)


@pytest.mark.parametrize(
    "accept", ["*/*", "application/json", "text/html, application/*;q=0.1", "application/problem+json"]
)
async def test_who_accepts_json_is_answered(api: httpx.AsyncClient, accept: str) -> None:
    """However that is said."""
    assert (await api.get("/v1/jobs", headers={**key("editor"), "Accept": accept})).status_code == 200


async def test_who_accepts_no_json_is_told(api: httpx.AsyncClient) -> None:
    """406, for the API alone."""
    assert_problem(await api.get("/v1/jobs", headers={**key("editor"), "Accept": "text/html"}), 406)
    assert (await api.get("/metrics", headers={"Accept": "text/plain"})).status_code == 200


async def test_a_refused_key_is_logged_by_its_first_characters(settings: Settings, lines: Lines) -> None:
    """No more of it."""
    logs.configure("info", "json")
    async with door(settings) as api:
        await api.get("/v1/jobs", headers={"X-API-Key": "itk_a-long-secret"})
    [line] = [line for line in lines.read() if line["event"] == "key refused"]
    assert line["begins"] == "itk_"
    assert "secret" not in lines.text


async def test_a_crash_is_a_problem_without_a_traceback(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong inside, the caller gets a request id to ask about."""
    monkeypatch.setattr("tracker.store.jobs.read_record", None)
    async with door(settings) as api:
        problem = assert_problem(await api.get(f"/v1/jobs/{upstream_id()}", headers=key("editor")), 500)
    assert "Traceback" not in json.dumps(problem)
    assert "NoneType" not in json.dumps(problem)


async def test_who_is_cut_off_by_a_stop_is_told_to_come_again(settings: Settings) -> None:
    """As uvicorn does with what is not answered in time; here before its body was whole."""

    async def endless() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.Event().wait()

    headers = {**key("editor"), "Content-Type": "application/json"}
    async with door(settings) as api:
        request = asyncio.create_task(api.post("/v1/jobs", content=endless(), headers=headers))
        await asyncio.sleep(0.1)
        request.cancel()
        assert "being stopped" in assert_problem(await request, 503)["detail"]


async def test_one_line_a_request_with_its_id(settings: Settings, lines: Lines) -> None:
    """As JSON."""
    logs.configure("info", "json")
    async with door(settings) as api:
        await api.get("/v2/x", headers={"X-Request-ID": "abc-1"})
    [line] = [line for line in lines.read() if line["event"] == "request"]
    assert line | {"ms": 0, "timestamp": ""} == {
        "event": "request", "request_id": "abc-1", "method": "GET", "path": "/v2/x", "status": 404,
        "level": "info", "ms": 0, "timestamp": "",
    }  # fmt: skip


async def test_a_traceback_for_people_shows_no_variables(
    settings: Settings, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Among them would be keys and masks."""
    logs.configure("info", "console")
    monkeypatch.setattr("tracker.store.jobs.read_record", None)
    async with door(settings) as api:
        await api.get(f"/v1/jobs/{upstream_id()}", headers=key("editor"))
    written = lines.take()
    assert "Traceback" in written
    assert KEYS["editor"][0] not in written


async def test_no_secret_mask_or_signature_is_in_any_log(settings: Settings, lines: Lines) -> None:
    """At the lowest level, for what is accepted and for what is refused."""
    logs.configure("debug", "json")
    logging.getLogger("httpx").setLevel(logging.DEBUG)
    body, delivery = submission(prompt="x"), signed({"event": "progress", "jobId": upstream_id()})
    wrong = signed({"event": "progress", "jobId": upstream_id()}, "afk_wrong")
    async with door(settings) as api:
        await api.post("/v1/jobs", json=body, headers=key("editor"))
        await api.post("/v1/jobs", json={**body, "prompt": 7}, headers=key("editor"))
        await api.get("/v1/jobs", headers={"X-API-Key": "a-guess-at-a-key"})
        for one in (delivery, wrong):
            await api.post("/webhooks/apiframe", **one)
    assert lines.read()
    signatures = [one["headers"]["X-Webhook-Signature"].removeprefix("sha256=") for one in (delivery, wrong)]
    for secret in (KEYS["editor"][0], UPSTREAM_KEY, "a-guess-at-a-key", body["mask"][:40], *signatures):
        assert secret not in lines.text

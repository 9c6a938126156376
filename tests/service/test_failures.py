"""Wrong keys and signatures are slowed down by source, and nobody who is right is locked out."""

import asyncio
import json

import httpx
import pytest
from starlette.requests import HTTPConnection

from service.failures import BURST, LINES, Throttle, source_of
from tests.door import assert_problem, door, key, signed
from tests.samples import upstream_id
from tests.service.test_webhooks import metric
from tracker import logs
from tracker.settings import Settings

WRONG = {"X-API-Key": "guess"}


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_burst_passes_and_then_one_at_a_time() -> None:
    """And says how long to wait."""
    clock = Clock()
    throttle = Throttle(3, 2.0, 10, clock)
    assert [throttle.wait("a") for _ in range(5)] == [0, 0, 0, 2.0, 2.0]
    clock.now = 1.5
    assert throttle.wait("a") == 0.5
    clock.now = 2.0
    assert [throttle.wait("a") for _ in range(2)] == [0, 2.0]
    assert throttle.wait("b") == 0
    clock.now = 100.0
    assert [throttle.wait("a") for _ in range(4)] == [0, 0, 0, 2.0]


def test_only_so_many_sources_are_remembered() -> None:
    """The one that was silent for longest is forgotten."""
    throttle = Throttle(1, 10.0, 2, Clock())
    assert [throttle.wait(source) for source in "abac"] == [0, 0, 10.0, 0]
    assert [throttle.wait("a"), throttle.wait("b")] == [10.0, 0]


@pytest.mark.parametrize(
    ("client", "source"),
    [("192.0.2.7", "192.0.2.7"), ("2001:db8:1:2:aaaa::1", "2001:db8:1:2::/64"), ("fe80::1%eth0", "fe80::/64"),
     (None, ""), ("x" * 9000, "x" * 64)],
)  # fmt: skip
def test_a_source_is_an_address_or_the_network_of_one_house(client: str | None, source: str) -> None:
    """Of IPv6, everybody has 2**64."""
    assert source_of(HTTPConnection({"type": "http", "client": client and (client, 1)})) == source


async def test_wrong_keys_are_slowed_down_and_a_right_one_passes_from_the_very_same_address(
    api: httpx.AsyncClient,
) -> None:
    """Behind a proxy all callers have one address."""
    answers = [await api.get("/v1/jobs", headers=WRONG) for _ in range(BURST + 5)]
    assert [answer.status_code for answer in answers] == [401] * BURST + [429] * 5
    assert_problem(answers[-1], 429)
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert (await api.get("/v1/jobs", headers=key("editor"))).status_code == 200
    assert await metric(api, "tracker_key_refusals_total", cause="unknown") == BURST + 5
    assert await metric(api, "tracker_throttled_total", what="key") == 5


async def test_a_genuine_delivery_passes_amid_a_flood_of_wrong_signatures(api: httpx.AsyncClient) -> None:
    """And each wrong one is counted by its cause."""
    body = {"event": "progress", "jobId": upstream_id(), "status": "PROCESSING"}
    wrong, right = signed(body, "afk_wrong"), signed(body)
    deliveries = [right if n % 50 == 49 else wrong for n in range(500)]
    answers = await asyncio.gather(*[api.post("/webhooks/apiframe", **one) for one in deliveries])
    assert [answer.status_code for answer in answers[49::50]] == [200] * 10
    assert {answer.status_code for answer in answers} == {200, 401, 429}
    assert await metric(api, "tracker_webhook_refusals_total", cause="mismatch") == 490


async def test_a_flood_from_everywhere_does_not_flood_the_log(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """A few lines, and figures for the rest."""
    logs.configure("info", "json")
    async with door(settings) as api:
        for n in range(300):
            path = f"/v1/jobs/{n}" if n % 2 else "/webhooks/apiframe"
            await api.request("GET" if n % 2 else "POST", path, headers=WRONG)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert 10 <= len(lines) <= LINES
    assert {line["event"] for line in lines} == {"key refused", "webhook refused"}

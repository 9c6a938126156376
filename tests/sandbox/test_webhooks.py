"""Webhook deliveries: what is sent, how it is signed, in which order, and what a bad receiver does."""

import asyncio
import hashlib
import hmac
from typing import Any

import httpx
import pytest

from sandbox.serve import running
from sandbox.settings import SandboxSettings
from tests.resets import resetting, under_busy_uvloop
from tests.sandbox import shapes
from tests.sandbox.actors import KEY, Caller, Inbox, Received
from tests.sandbox.conftest import Open

ALL = ["progress", "completed", "failed"]


def signed_raw(delivery: Received, key: str = KEY) -> bool:
    """Keyed with the 32 bytes of SHA-256(key), as the official SDK does it."""
    secret = hashlib.sha256(key.encode()).digest()
    return _signed(delivery, secret)


def signed_hex(delivery: Received, key: str = KEY) -> bool:
    """Keyed with the 64 hex digits, as a receiver in production does it."""
    secret = hashlib.sha256(key.encode()).hexdigest().encode("ascii")
    return _signed(delivery, secret)


def _signed(delivery: Received, secret: bytes) -> bool:
    expected = "sha256=" + hmac.new(secret, delivery.raw, "sha256").hexdigest()
    return bool(delivery.headers.get("x-webhook-signature") == expected)


async def test_completed_and_failed_are_sent_unless_told_otherwise(apiframe: Caller, inbox: Inbox) -> None:
    """The documented default: no progress."""
    await apiframe.settled(await apiframe.generate(webhookUrl=inbox.url))
    await apiframe.mischief(job_failed=1)
    await apiframe.settled(await apiframe.generate(webhookUrl=inbox.url))
    assert inbox.events == ["completed", "failed"]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        (ALL, ["progress 25", "progress 50", "progress 75", "completed"]),
        (["completed"], ["completed"]),
        (["failed"], []),
        (["progress"], ["progress 25", "progress 50", "progress 75"]),
    ],
)
async def test_only_subscribed_events_are_sent(
    apiframe: Caller, inbox: Inbox, events: list[str], expected: list[str]
) -> None:
    """And they come in order."""
    await apiframe.settled(await apiframe.generate(webhookUrl=inbox.url, webhookEvents=events))
    assert inbox.events == expected


async def test_each_event_has_its_documented_field_set(apiframe: Caller, inbox: Inbox) -> None:
    """Progress, completed and failed share an envelope, no more; the header names the event."""
    completed = await apiframe.settled(await apiframe.generate(webhookUrl=inbox.url, webhookEvents=ALL))
    await apiframe.mischief(job_failed=1)
    await apiframe.settled(await apiframe.generate(webhookUrl=inbox.url))
    kinds: dict[str, type[shapes.Shape]] = {
        "progress": shapes.Progress,
        "completed": shapes.Completed,
        "failed": shapes.Failed,
    }
    for delivery in inbox.received:
        kinds[delivery.body["event"]].model_validate(delivery.body)
        assert delivery.headers["x-webhook-event"] == delivery.body["event"]
        assert delivery.headers["content-type"] == "application/json"
    ours = inbox.received[3].body
    assert {name: ours[name] for name in ("result", "creditCost", "completedAt")} == {
        name: completed[name] for name in ("result", "creditCost", "completedAt")
    }


async def test_the_webhook_url_is_called_as_it_was_given(apiframe: Caller, inbox: Inbox) -> None:
    """Path, query string and escapes."""
    await apiframe.settled(await apiframe.generate(webhookUrl=inbox.url))
    assert inbox.received[0].path == "/hooks/7?token=a%20b&n=1"


@pytest.mark.parametrize(("form", "ours", "other"), [("raw", signed_raw, signed_hex), ("hex", signed_hex, signed_raw)])
async def test_the_signature_is_an_hmac_of_the_raw_body(
    opened: Open, inbox: Inbox, form: str, ours: Any, other: Any
) -> None:
    """In both forms of the secret, computed here on its own."""
    async with opened(secret_form=form) as apiframe:
        await apiframe.settled(await apiframe.generate(webhookUrl=inbox.url, webhookEvents=ALL))
    assert [(ours(delivery), other(delivery)) for delivery in inbox.received] == [(True, False)] * 4


async def test_the_key_that_submitted_a_job_signs_for_it(opened: Open, inbox: Inbox) -> None:
    """Even when another one made the parent."""
    async with opened(api_keys=(KEY, "afk_second")) as apiframe:
        parent = await apiframe.seed()
        apiframe.http.headers["X-API-Key"] = "afk_second"
        await apiframe.settled(await apiframe.inpaint(parent, webhookUrl=inbox.url))
    assert signed_hex(inbox.received[0], "afk_second")


async def test_webhook_status_goes_from_pending_to_delivered(apiframe: Caller, inbox: Inbox) -> None:
    """Null without a webhook."""
    inbox.open.clear()
    accepted = await apiframe.generate(webhookUrl=inbox.url)
    await inbox.wait()
    assert (await apiframe.job(accepted.json()["jobId"])).json()["webhookStatus"] == "pending"
    inbox.open.set()
    assert (await apiframe.settled(accepted))["webhookStatus"] == "delivered"
    assert (await apiframe.settled(await apiframe.generate()))["webhookStatus"] is None


@pytest.mark.parametrize("status", [302, 400, 500])
async def test_anything_but_a_2xx_is_a_failed_delivery(apiframe: Caller, inbox: Inbox, status: int) -> None:
    """It is not tried again, and the job is none the worse for it."""
    inbox.answers = [status]
    job = await apiframe.settled(await apiframe.generate(webhookUrl=inbox.url))
    assert (job["status"], job["webhookStatus"], inbox.events) == ("COMPLETED", "failed", ["completed"])


async def test_nobody_at_home_is_a_failed_delivery(apiframe: Caller) -> None:
    """Port 9 of this machine."""
    job = await apiframe.settled(await apiframe.generate(webhookUrl="http://127.0.0.1:9/"))
    assert job["webhookStatus"] == "failed"
    assert "#1 completed → ConnectError" in await apiframe.transcript()


async def test_retries_are_made_when_they_are_set(opened: Open, inbox: Inbox) -> None:
    """Byte for byte the same delivery, until a 2xx."""
    inbox.answers = [500, 503]
    async with opened(webhook_retries=3) as apiframe:
        job = await apiframe.settled(await apiframe.generate(webhookUrl=inbox.url))
    assert job["webhookStatus"] == "delivered"
    assert len(inbox.received) == 3
    assert len({delivery.raw for delivery in inbox.received}) == 1


async def test_a_receiver_that_never_answers_times_out(opened: Open, inbox: Inbox) -> None:
    """After `webhook_timeout`."""
    inbox.open.clear()
    async with opened(webhook_timeout=0.05) as apiframe:
        job = await apiframe.settled(await apiframe.generate(webhookUrl=inbox.url))
        assert job["webhookStatus"] == "failed"
        assert "#1 completed → ReadTimeout" in await apiframe.transcript()


async def test_a_slow_receiver_holds_up_only_its_own_job(apiframe: Caller, inbox: Inbox) -> None:
    """Thirty deliveries hang; the next job's arrives all the same, and their own later ones wait."""
    inbox.open.clear()
    for _ in range(30):
        await apiframe.generate(webhookUrl=inbox.url, webhookEvents=ALL)
    await inbox.wait(30)
    assert set(inbox.events) == {"progress 25"}
    await apiframe.generate(webhookUrl=inbox.url)
    assert (await inbox.wait(31))[30].event == "completed"


async def test_deliveries_stand_in_the_log_with_job_event_and_outcome(apiframe: Caller, inbox: Inbox) -> None:
    """The entries have the ids that the transcript abbreviates."""
    inbox.answers = [204, 500]
    accepted = await apiframe.generate(webhookUrl=inbox.url, webhookEvents=["progress", "completed"])
    await apiframe.settled(accepted)
    log = (await apiframe.http.get("/sandbox/log")).json()
    deliveries = [entry for entry in log["entries"] if entry["kind"] == "delivery"]
    assert [entry["line"] for entry in deliveries] == [
        "#1 progress 25 → 204",
        "#1 progress 50 → 500",
        "#1 progress 75 → 204",
        "#1 completed → 204",
    ]
    assert {(entry["jobId"], entry["url"]) for entry in deliveries} == {(accepted.json()["jobId"], inbox.url)}


def test_a_receiver_that_resets_connections_holds_up_no_job() -> None:
    """Killed as it is called: what was not delivered is noted, and the job's next event is tried."""

    async def deliveries(url: str) -> list[str]:
        settings = SandboxSettings(api_keys=(KEY,), queue_seconds=0, run_seconds=0.01, credits=10_000)
        async with (
            running(settings) as sandbox,
            httpx.AsyncClient(base_url=sandbox, headers={"X-API-Key": KEY}) as http,
        ):
            apiframe = Caller(http)
            answers = [apiframe.generate(webhookUrl=url, webhookEvents=ALL) for _ in range(50)]
            async with asyncio.timeout(20):
                await asyncio.gather(*[apiframe.settled(answer) for answer in await asyncio.gather(*answers)])
            return [line for line in await apiframe.transcript() if "completed →" in line]

    with resetting() as url:
        assert len(under_busy_uvloop(deliveries(url))) == 50

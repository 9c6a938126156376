"""Every way to misbehave, one at a time, and that chance is the same for the same seed."""

import httpx
import pytest
from pydantic import ValidationError

from sandbox.mischief import Dice, Fault, Mischief
from tests.sandbox.actors import Caller, Inbox
from tests.sandbox.conftest import Open
from tests.sandbox.test_webhooks import ALL, signed_hex, signed_raw


async def test_the_same_seed_strikes_the_same_times() -> None:
    """And another seed does not."""

    def strikes(seed: int) -> list[bool]:
        dice = Dice(Mischief(seed=seed, webhook_dropped=0.5))
        return [dice.strikes("webhook_dropped") for _ in range(64)]

    assert strikes(1) == strikes(1) != strikes(2)
    assert 16 < sum(strikes(1)) < 48


async def test_faults_do_not_disturb_each_other() -> None:
    """One more fault leaves the strikes of the first one where they were."""
    alone = Dice(Mischief(webhook_dropped=0.5))
    together = Dice(Mischief(webhook_dropped=0.5, webhook_delayed=0.5))
    first = [alone.strikes("webhook_dropped") for _ in range(32)]
    second = [(together.strikes("webhook_delayed"), together.strikes("webhook_dropped"))[1] for _ in range(32)]
    assert first == second


async def test_a_fault_strikes_at_most_so_many_times() -> None:
    """`times` counts for each fault on its own."""
    dice = Dice(Mischief(submit_503=1, poll_503=1, times=2))
    assert [dice.strikes("submit_503") for _ in range(4)] == [True, True, False, False]
    assert dice.strikes("poll_503")


async def test_rates_are_shares() -> None:
    """0 to 1, nothing else; and unknown faults are refused."""
    for wrong in ({"submit_503": 1.1}, {"submit_503": -0.1}, {"submit_504s": 1}):
        with pytest.raises(ValidationError):
            Mischief.model_validate(wrong)


async def test_mischief_is_read_and_replaced_at_run_time(apiframe: Caller) -> None:
    """What is left out behaves well again; nonsense is a 400 and changes nothing."""
    await apiframe.mischief(submit_503=1)
    await apiframe.mischief(poll_503=0.5, seed=3)
    assert (await apiframe.http.put("/sandbox/mischief", json={"poll_503": 2})).status_code == 400
    now = (await apiframe.http.get("/sandbox/mischief")).json()
    assert (now["submit_503"], now["poll_503"], now["seed"]) == (0, 0.5, 3)


async def test_a_rate_limit_tells_when_to_come_back(apiframe: Caller) -> None:
    """429 with Retry-After in seconds, on submits or on polls; no job is taken."""
    await apiframe.mischief(submit_429=1, retry_after=7)
    answer = await apiframe.generate()
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    assert (await apiframe.http.get("/v2/jobs")).json()["jobs"] == []
    await apiframe.mischief(poll_429=1, retry_after=0)
    answer = await apiframe.http.get("/v2/jobs")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "0")


async def test_credits_may_be_refused_though_they_are_there(apiframe: Caller) -> None:
    """402 while the balance is what it was."""
    await apiframe.mischief(submit_402=1)
    answer = await apiframe.generate()
    assert (answer.status_code, answer.json()["creditsAvailable"]) == (402, 0)
    assert (await apiframe.ledger())["balance"] == 1000


async def test_an_outage_is_a_503(apiframe: Caller) -> None:
    """On submits or on polls; no job is taken."""
    await apiframe.mischief(submit_503=1)
    answer = await apiframe.generate()
    assert (answer.status_code, answer.json()) == (503, {"error": "Service unavailable"})
    await apiframe.mischief()
    accepted = await apiframe.generate()
    await apiframe.mischief(poll_503=1)
    assert (await apiframe.job(accepted.json()["jobId"])).status_code == 503
    assert (await apiframe.ledger())["balance"] == 984


async def test_the_edge_blocks_in_html(apiframe: Caller) -> None:
    """403 without JSON, which says nothing about the key."""
    await apiframe.mischief(submit_edge_403=1)
    answer = await apiframe.generate()
    assert answer.status_code == 403
    assert answer.headers["content-type"].startswith("text/html")
    assert "1010" in answer.text
    assert (await apiframe.ledger())["entries"] == []


@pytest.mark.parametrize("fault", ["submit_504", "submit_cut", "submit_without_id"])
async def test_an_answer_is_lost_after_the_job_was_taken(apiframe: Caller, fault: Fault) -> None:
    """It is charged and lives; the same Idempotency-Key finds it."""
    await apiframe.mischief(**{fault: 1, "times": 1})
    body = {"prompt": "a lake", "model": "midjourney"}
    try:
        answer = await apiframe.submit(body, "generate", Idempotency_Key="k1")
        assert "jobId" not in answer.text
        assert answer.status_code == (504 if fault == "submit_504" else 200)
    except httpx.RemoteProtocolError:
        assert fault == "submit_cut"
    again = await apiframe.submit(body, "generate", Idempotency_Key="k1")
    assert again.status_code == 202
    word = {"submit_504": "504", "submit_cut": "cut", "submit_without_id": "200"}[fault]
    assert (await apiframe.transcript())[0] == f"POST /v2/images/generate → {word} #1"
    jobs = (await apiframe.http.get("/v2/jobs")).json()["jobs"]
    assert [job["id"] for job in jobs] == [again.json()["jobId"]]


async def test_a_webhook_may_come_before_the_answer_to_its_submit(apiframe: Caller, inbox: Inbox) -> None:
    """When the answer is delayed."""
    await apiframe.mischief(submit_delayed=1, delay_seconds=(0.4, 0.4))
    accepted = await apiframe.generate(webhookUrl=inbox.url)
    assert inbox.events == ["completed"]
    assert inbox.received[0].body["jobId"] == accepted.json()["jobId"]
    assert accepted.json()["status"] == "QUEUED"


async def test_a_job_fails_half_way(apiframe: Caller, inbox: Inbox) -> None:
    """With the text that was set; the webhook tells it."""
    await apiframe.mischief(job_failed=1, failure="Image denied")
    await apiframe.settled(await apiframe.generate(webhookUrl=inbox.url, webhookEvents=ALL))
    assert inbox.events == ["progress 25", "failed"]
    assert inbox.received[1].body["error"] == "Image denied"


async def test_a_job_is_cancelled_in_silence(apiframe: Caller, inbox: Inbox) -> None:
    """No webhook tells it; only a poll does. A replay, whose answers know no CANCELLED, says FAILED."""
    await apiframe.mischief(job_cancelled=1)
    body = {"prompt": "x", "model": "midjourney", "webhookUrl": inbox.url}
    job = await apiframe.settled(await apiframe.submit(body, "generate", Idempotency_Key="k1"))
    assert (job["status"], job["progress"], job["completedAt"]) == ("CANCELLED", None, None)
    assert inbox.events == []
    assert (await apiframe.submit(body, "generate", Idempotency_Key="k1")).json()["status"] == "FAILED"


async def test_a_job_stalls_for_good(apiframe: Caller, inbox: Inbox) -> None:
    """It stays in PROCESSING and takes nobody's place."""
    await apiframe.mischief(job_stalled=1)
    for _ in range(12):
        job = await apiframe.settled(await apiframe.generate(webhookUrl=inbox.url))
        assert (job["status"], job["progress"]) == ("PROCESSING", 25)
    assert inbox.events == []


async def test_results_may_be_null_or_a_string(apiframe: Caller, inbox: Inbox) -> None:
    """In the webhook as in the job."""
    await apiframe.mischief(result_null=1)
    empty = await apiframe.settled(await apiframe.generate(webhookUrl=inbox.url))
    await apiframe.mischief(result_string=1)
    string = await apiframe.settled(await apiframe.generate(webhookUrl=inbox.url))
    assert (empty["status"], empty["result"]) == ("COMPLETED", None)
    assert string["result"].endswith("-grid.png")
    assert [delivery.body["result"] for delivery in inbox.received] == [None, string["result"]]


async def test_an_error_may_be_an_object(apiframe: Caller, inbox: Inbox) -> None:
    """In the webhook as in the job."""
    await apiframe.mischief(job_failed=1, error_object=1, failure="no")
    job = await apiframe.settled(await apiframe.generate(webhookUrl=inbox.url))
    assert job["error"] == inbox.received[0].body["error"] == {"message": "no"}


async def test_a_duplicate_is_the_same_to_the_byte(apiframe: Caller, inbox: Inbox) -> None:
    """Both are on their way at the same time."""
    await apiframe.mischief(webhook_duplicated=1)
    inbox.open.clear()
    accepted = await apiframe.generate(webhookUrl=inbox.url)
    first, second = await inbox.wait(2)
    inbox.open.set()
    await apiframe.settled(accepted)
    assert (first.raw, first.headers["x-webhook-signature"]) == (second.raw, second.headers["x-webhook-signature"])
    assert inbox.events == ["completed", "completed"]


async def test_reordered_progress_comes_after_the_end(apiframe: Caller, inbox: Inbox) -> None:
    """All of it here, latest first."""
    await apiframe.mischief(webhook_reordered=1)
    await apiframe.settled(await apiframe.generate(webhookUrl=inbox.url, webhookEvents=ALL))
    assert inbox.events == ["completed", "progress 75", "progress 50", "progress 25"]


async def test_reordered_once_two_events_change_places(apiframe: Caller, inbox: Inbox) -> None:
    """The first one is overtaken by the second."""
    await apiframe.mischief(webhook_reordered=1, times=1)
    await apiframe.settled(await apiframe.generate(webhookUrl=inbox.url, webhookEvents=ALL))
    assert inbox.events == ["progress 50", "progress 25", "progress 75", "completed"]


async def test_held_progress_comes_out_when_nothing_follows(apiframe: Caller, inbox: Inbox) -> None:
    """The end is not subscribed here; what was held back is late, never lost."""
    await apiframe.mischief(webhook_reordered=1)
    await apiframe.settled(await apiframe.generate(webhookUrl=inbox.url, webhookEvents=["progress"]))
    assert inbox.events == ["progress 75", "progress 50", "progress 25"]


async def test_a_dropped_delivery_is_never_sent(apiframe: Caller, inbox: Inbox) -> None:
    """The log knows of it, and the job says that it failed."""
    await apiframe.mischief(webhook_dropped=1)
    job = await apiframe.settled(await apiframe.generate(webhookUrl=inbox.url))
    assert (job["status"], job["webhookStatus"], inbox.events) == ("COMPLETED", "failed", [])
    assert "#1 completed → dropped (dropped)" in await apiframe.transcript()


async def test_a_delayed_delivery_is_late(apiframe: Caller, inbox: Inbox) -> None:
    """The poll knows of the end before the webhook tells."""
    await apiframe.mischief(webhook_delayed=1, delay_seconds=(0.2, 0.2))
    accepted = await apiframe.generate(webhookUrl=inbox.url)
    parent = accepted.json()["jobId"]
    while (await apiframe.job(parent)).json()["status"] != "COMPLETED":
        assert inbox.events == []
    await apiframe.settled(accepted)
    assert inbox.events == ["completed"]


async def test_a_delivery_may_come_unsigned_or_forged(apiframe: Caller, inbox: Inbox) -> None:
    """Without the header, or signed by somebody else."""
    await apiframe.mischief(webhook_unsigned=1)
    await apiframe.settled(await apiframe.generate(webhookUrl=inbox.url))
    await apiframe.mischief(webhook_forged=1)
    await apiframe.settled(await apiframe.generate(webhookUrl=inbox.url))
    unsigned, forged = inbox.received
    assert "x-webhook-signature" not in unsigned.headers
    assert not signed_hex(forged)
    assert not signed_raw(forged)


async def test_the_header_may_name_another_event(apiframe: Caller, inbox: Inbox) -> None:
    """It is not signed; the body is."""
    await apiframe.mischief(webhook_header_differs=1)
    await apiframe.settled(await apiframe.generate(webhookUrl=inbox.url))
    delivery = inbox.received[0]
    assert (delivery.headers["x-webhook-event"], delivery.body["event"]) == ("failed", "completed")
    assert signed_hex(delivery)


async def test_the_secret_form_can_change_at_run_time(apiframe: Caller, inbox: Inbox) -> None:
    """For the next delivery."""
    await apiframe.settled(await apiframe.generate(webhookUrl=inbox.url))
    await apiframe.mischief(secret_form="raw")
    await apiframe.settled(await apiframe.generate(webhookUrl=inbox.url))
    assert [signed_hex(inbox.received[0]), signed_raw(inbox.received[1])] == [True, True]


async def test_credits_can_be_set(apiframe: Caller) -> None:
    """Once, when the mischief is loaded."""
    await apiframe.mischief(credits=20)
    assert [(await apiframe.generate()).status_code for _ in range(2)] == [202, 402]
    assert (await apiframe.ledger())["balance"] == 4


async def test_every_result_may_have_expired(apiframe: Caller) -> None:
    """`expired` is true and the files are gone."""
    job = await apiframe.settled(await apiframe.generate())
    await apiframe.mischief(expired=True)
    assert (await apiframe.job(job["id"])).json()["expired"] is True
    assert (await apiframe.http.get(job["result"]["images"][0])).status_code == 404


async def test_mischief_may_be_there_from_the_start(opened: Open) -> None:
    """As a setting."""
    async with opened(mischief=Mischief(submit_503=1, credits=5)) as apiframe:
        assert (await apiframe.generate()).status_code == 503
        assert (await apiframe.ledger())["balance"] == 5


async def test_it_tells_how_often_each_fault_has_struck(apiframe: Caller) -> None:
    """Since the mischief was loaded; what never struck is left out."""
    await apiframe.mischief(submit_503=1, job_failed=1, times=2)
    for _ in range(3):
        await apiframe.generate()
    assert (await apiframe.http.get("/sandbox/strikes")).json() == {"submit_503": 2, "job_failed": 1}
    await apiframe.mischief()
    assert (await apiframe.http.get("/sandbox/strikes")).json() == {}

"""Credits: charged at submission, refunded in full when a job fails."""

from typing import Any

import pytest

from tests.sandbox.actors import Caller, mask
from tests.sandbox.conftest import Open


@pytest.mark.parametrize(
    ("body", "cost"),
    [
        ({"action": "inpaint", "mask": mask()}, 16),
        ({"action": "outpaint", "zoomRatio": 2}, 16),
        ({"action": "pan", "direction": "down"}, 16),
    ],
)
async def test_an_action_costs_its_documented_price(apiframe: Caller, body: Any, cost: int) -> None:
    """On an upsample: sixteen credits."""
    parent = await apiframe.seed()
    accepted = (await apiframe.submit({**body, "parentJobId": parent})).json()
    assert (await apiframe.ledger())["entries"] == [
        {"jobId": accepted["jobId"], "reason": "charge", "change": -cost, "balance": 1000 - cost}
    ]


async def test_the_chain_to_an_upsample_costs_twenty(apiframe: Caller) -> None:
    """Sixteen for the grid, four for the upsample."""
    grid = await apiframe.settled(await apiframe.generate())
    single = await apiframe.settled(
        await apiframe.submit({"action": "upsample", "index": 1, "parentJobId": grid["id"]})
    )
    assert (grid["creditCost"], single["creditCost"]) == (16, 4)
    assert (await apiframe.http.get("/v2/me")).json()["team"]["credits"] == 980


async def test_too_few_credits_are_a_402_and_nothing_is_deducted(opened: Open) -> None:
    """With what is required and what is there."""
    async with opened(credits=15) as apiframe:
        answer = await apiframe.generate()
        assert (answer.status_code, answer.json()) == (
            402,
            {"error": "Insufficient credits", "creditsRequired": 16, "creditsAvailable": 15},
        )
        assert await apiframe.ledger() == {"balance": 15, "entries": []}
        assert (await apiframe.http.get("/v2/jobs")).json()["jobs"] == []


async def test_a_refused_submission_is_never_charged(apiframe: Caller) -> None:
    """Neither for its body nor for its parent."""
    await apiframe.generate("")
    await apiframe.inpaint((await apiframe.generate()).json()["jobId"])
    assert [entry["change"] for entry in (await apiframe.ledger())["entries"]] == [-16]


@pytest.mark.parametrize("fault", ["job_failed", "job_cancelled"])
async def test_a_job_without_success_is_refunded_in_full(apiframe: Caller, fault: str) -> None:
    """Once."""
    await apiframe.mischief(**{fault: 1})
    job = await apiframe.settled(await apiframe.generate())
    assert not job["creditCost"]
    ledger = await apiframe.ledger()
    assert ledger["balance"] == 1000
    assert [(entry["reason"], entry["change"]) for entry in ledger["entries"]] == [
        ("charge", -16),
        ("refund", 16),
    ]

"""An action needs the right parent, and that is checked before anything is charged."""

from typing import Any

import pytest

from tests.sandbox.actors import UNKNOWN_ID, Caller, mask
from tests.sandbox.conftest import Open

ON_UPSAMPLE: list[dict[str, Any]] = [
    {"action": "inpaint", "mask": mask()},
    {"action": "outpaint", "zoomRatio": 1.5},
    {"action": "pan", "direction": "left"},
]
ON_GRID: list[dict[str, Any]] = [{"action": "upsample", "index": 4}, {"action": "variation", "index": 1}]


async def test_the_whole_chain_from_prompt_to_inpaint_and_on(apiframe: Caller) -> None:
    """Generate, upsample, inpaint; and the grid of the inpaint can be upsampled again."""
    grid = await apiframe.settled(await apiframe.generate(midjourneyParams={"aspect_ratio": "1:1"}))
    single = await apiframe.settled(
        await apiframe.submit({"action": "upsample", "index": 2, "parentJobId": grid["id"]})
    )
    painted = await apiframe.settled(await apiframe.inpaint(single["id"], mask=mask(1024, 1024)))
    again = await apiframe.submit({"action": "upsample", "index": 1, "parentJobId": painted["id"]})
    assert again.status_code == 202


@pytest.mark.parametrize("body", ON_UPSAMPLE, ids=lambda body: str(body["action"]))
async def test_acting_on_a_grid_needs_an_upsample_first(apiframe: Caller, body: dict[str, Any]) -> None:
    """400: a wrong kind can never become right."""
    grid = await apiframe.settled(await apiframe.generate())
    assert (await apiframe.submit({**body, "parentJobId": grid["id"]})).status_code == 400


@pytest.mark.parametrize("body", ON_GRID, ids=lambda body: str(body["action"]))
async def test_an_upsample_cannot_be_upsampled_or_varied(apiframe: Caller, body: dict[str, Any]) -> None:
    """400 as well."""
    assert (await apiframe.submit({**body, "parentJobId": await apiframe.seed()})).status_code == 400


@pytest.mark.parametrize("body", [*ON_UPSAMPLE, *ON_GRID], ids=lambda body: str(body["action"]))
async def test_an_unknown_parent_is_a_404_and_costs_nothing(apiframe: Caller, body: dict[str, Any]) -> None:
    """Parents are validated before credits are deducted."""
    answer = await apiframe.submit({**body, "parentJobId": UNKNOWN_ID})
    assert (answer.status_code, answer.json()) == (404, {"error": "Parent job not found"})
    assert (await apiframe.ledger())["entries"] == []


async def test_another_users_parent_is_a_404(opened: Open) -> None:
    """It is not told that the job exists."""
    async with opened(stranger_keys=("afk_stranger",)) as apiframe:
        body = {"action": "pan", "direction": "up", "parentJobId": await apiframe.seed()}
        assert (await apiframe.submit(body, X_API_Key="afk_stranger")).status_code == 404


async def test_a_parent_that_is_not_completed_is_a_409(apiframe: Caller) -> None:
    """Here one that stalls, one that failed and one that was cancelled."""
    for fault in ("job_stalled", "job_failed", "job_cancelled"):
        await apiframe.mischief(**{fault: 1})
        parent = await apiframe.settled(await apiframe.generate())
        answer = await apiframe.submit({"action": "upsample", "index": 1, "parentJobId": parent["id"]})
        assert answer.status_code == 409


async def test_an_expired_parent_is_a_409(apiframe: Caller) -> None:
    """Its image is gone."""
    parent = await apiframe.seed()
    await apiframe.mischief(expired=True)
    assert (await apiframe.inpaint(parent)).status_code == 409


async def test_a_mask_of_another_size_is_refused_with_both_sizes(apiframe: Caller) -> None:
    """And is not charged."""
    answer = await apiframe.inpaint(await apiframe.seed(), mask=mask(64, 32))
    text = answer.json()["details"]["mask"][0]
    assert answer.status_code == 400
    assert "64x32" in text
    assert "64x64" in text
    assert (await apiframe.ledger())["entries"] == []

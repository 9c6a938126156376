"""The deliveries' page: accepted apart from refused, each with its outcome or cause as a filter, and the quarantine."""

import httpx
import pytest

from service.dashboard.deliveries import ALONE, TOGETHER
from tests.door import key, signed
from tests.service.dashboard.visiting import Page, get
from tests.service.test_jobs import submitted

JOB = "d0000000-0000-4000-8000-000000000001"
BODY = {"event": "progress", "jobId": JOB, "status": "PROCESSING", "progress": 10}


async def deliver(api: httpx.AsyncClient, times: int = 1) -> None:
    for n in range(times):
        answer = await api.post("/webhooks/apiframe", **signed({**BODY, "progress": 1 + n % 90}))
        assert answer.status_code == 200, answer.text


async def refuse(api: httpx.AsyncClient) -> None:
    assert (await api.post("/webhooks/apiframe", content=b"{}")).status_code == 401


def told(page: Page) -> list[str]:
    """Outcomes and causes of the lines, from top to bottom."""
    return [row.attributes["data-delivery"] for row in page.all("tr", data_delivery="*")]


async def test_what_was_refused_stands_apart(ops: httpx.AsyncClient) -> None:
    """With its cause, in a table of its own."""
    await deliver(ops, 2)
    await refuse(ops)
    page = await get(ops, "/deliveries")
    assert told(page) == ["applied", "adopted", "missing"]
    assert [part.text for part in page.all("h2")][:2] == ["Accepted", "Refused"]
    assert "no signature" in page.one(data_part="refused").text
    assert "hex" in page.one(data_part="accepted").text


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("outcome=adopted", ["adopted"]), ("outcome=refused", ["missing"]),
        ("outcome=accepted", ["applied", "adopted"]), ("outcome=missing", ["missing"]), ("outcome=too_large", []),
    ],
)  # fmt: skip
async def test_an_outcome_or_cause_is_a_filter_in_the_address(
    ops: httpx.AsyncClient, query: str, shown: list[str]
) -> None:
    """Its link says that it is chosen."""
    await deliver(ops, 2)
    await refuse(ops)
    page = await get(ops, f"/deliveries?{query}")
    assert told(page) == shown
    [chosen] = [link.attributes["href"] for link in page.all("a", aria_current="true")]
    assert chosen == f"/deliveries?{query}"


async def test_one_jobs_deliveries_by_either_id(ops: httpx.AsyncClient) -> None:
    """A job's page leads here."""
    await deliver(ops)
    await refuse(ops)
    job = (await ops.get(f"/v1/jobs/{JOB}")).json()
    for job_id in (JOB, job["id"]):
        assert told(await get(ops, f"/deliveries?jobId={job_id}")) == ["adopted"]
    assert (await get(ops, f"/jobs/{job['id']}")).all("a", href=f"/deliveries?jobId={job['id']}")


async def test_many_come_page_by_page(ops: httpx.AsyncClient) -> None:
    """Together some of each; alone more, with a way to the older ones."""
    await deliver(ops, ALONE + 3)
    together = await get(ops, "/deliveries")
    assert len(told(together)) == TOGETHER
    [alone] = [link.attributes["href"] for link in together.all("a") if link.text.startswith("All of them")]
    assert alone == "/deliveries?outcome=accepted"
    first = await get(ops, alone)
    [older] = [link.attributes["href"] for link in first.all("a") if link.text.startswith("Older")]
    assert [len(told(first)), len(told(await get(ops, older)))] == [ALONE, 3]


@pytest.mark.parametrize("query", ["outcome=nonsense", "jobId=1", "cursor=x&outcome=applied", "x=1"])
async def test_a_filter_that_cannot_be_is_refused(ops: httpx.AsyncClient, query: str) -> None:
    """By its name."""
    page = await get(ops, f"/deliveries?{query}", 422)
    assert query.partition("=")[0] in page.one("main").text


async def test_the_quarantine_offers_what_can_be_done(ops: httpx.AsyncClient) -> None:
    """Each with its reason and whole body, also one that is no text."""
    job = await submitted(ops)
    for body in (b"{", b"\xff\xfe"):
        await ops.post(f"/webhooks/apiframe/{job['id']}", **signed(body))
    entries = (await ops.get("/v1/quarantine")).json()["entries"]
    page = await get(ops, "/deliveries")
    for action in ("replay", "delete"):
        offered = [button.attributes["data-entry"] for button in page.all("button", data_action=action)]
        assert offered == [entry["id"] for entry in entries]
    assert [body.text for body in page.all("pre")] == [entry["body"] for entry in entries]
    assert page.all("a", href=f"/jobs/{job['id']}")
    await ops.delete(f"/v1/quarantine/{entries[0]['id']}", headers=key("ops"))
    assert len((await get(ops, "/deliveries")).all("pre")) == 1

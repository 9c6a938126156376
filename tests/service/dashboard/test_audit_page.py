"""The audit page: who did what, when, and to which job."""

import httpx
import pytest

from service.dashboard.audit import SHOWN
from tests.door import key
from tests.samples import START
from tests.service.dashboard.visiting import Page, get, signed_in
from tracker.ids import new_id
from tracker.store.audit import Audit, AuditEntry


def told(page: Page) -> list[str]:
    return [" ".join(row.text.split()) for row in page.all("tr", data_row="*")]


async def test_what_operators_do_is_listed_newest_first(api: httpx.AsyncClient) -> None:
    """Signing in and out included, with the name of the key; and what they gave as a reason."""
    token = await signed_in(api)
    await api.post("/v1/queue/pause", json={"reason": "lunch"}, headers={"X-CSRF-Token": token})
    await api.post("/sign-out", data={"csrf": token})
    await signed_in(api)
    lines = told(await get(api, "/audit"))
    wanted = ("session.sign-in", "session.sign-out", "queue.pause", "session.sign-in")
    assert len(lines) == len(wanted)
    assert all(f"ops {action}" in line for action, line in zip(wanted, lines, strict=True))
    assert "lunch" in lines[2]


async def test_a_reader_who_signs_in_is_listed_too(api: httpx.AsyncClient) -> None:
    """By name, which is a filter, and the action another."""
    await signed_in(api, "auditor")
    api.cookies.clear()
    await signed_in(api)
    assert len(told(await get(api, "/audit?by=&action="))) == 2
    [line] = told(await get(api, "/audit?by=auditor"))
    assert "auditor session.sign-in" in line
    assert told(await get(api, "/audit?by=auditor&action=queue.pause")) == []
    page = await get(api, "/audit?action=session.sign-in")
    assert len(told(page)) == 2
    assert [one.text for one in page.all("option", selected="*")] == ["session.sign-in"]


async def test_many_come_page_by_page(ops: httpx.AsyncClient, audit_list: Audit) -> None:
    """With the filter kept on the way."""
    for n in range(SHOWN + 2):
        entry = AuditEntry(id=new_id(START), at=START, by="robot", action="job.refresh", job_id=None, details={"n": n})
        await audit_list.write(entry)
    first = await get(ops, "/audit?by=robot")
    [older] = [link.attributes["href"] for link in first.all("a") if link.text.startswith("Older")]
    second = await get(ops, older)
    assert [len(told(first)), len(told(second))] == [SHOWN, 2]
    assert second.all("a", href="/audit?by=robot")


@pytest.mark.parametrize("query", ["action=nonsense", "cursor=x", "x=1"])
async def test_a_filter_that_cannot_be_is_refused(ops: httpx.AsyncClient, query: str) -> None:
    """By its name."""
    assert query.partition("=")[0] in (await get(ops, f"/audit?{query}", 422)).one("main").text


async def test_an_action_on_a_job_leads_to_it(ops: httpx.AsyncClient, audit_list: Audit) -> None:
    """Where there is one."""
    job_id = new_id(START)
    details = {"filter": {"owner": "shop"}, "dryRun": False}
    await audit_list.write(
        AuditEntry(id=new_id(START), at=START, by="ops", action="job.cancel", job_id=job_id, details=details)
    )
    page = await get(ops, "/audit?action=job.cancel")
    assert page.all("a", href=f"/jobs/{job_id}")
    assert '{"owner": "shop"}' in told(page)[0]
    assert "no" in told(page)[0]


async def test_its_route_for_programs_is_the_same_list(ops: httpx.AsyncClient) -> None:
    """By a key."""
    entries = (await ops.get("/v1/audit", headers=key("ops"))).json()["entries"]
    assert [entry["action"] for entry in entries] == ["session.sign-in"]

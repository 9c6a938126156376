"""Filters, combined, and cursors that hold what they promise."""

from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.cursors import Cursors
from tests.door import assert_problem, key, submission
from tracker.errors import InvalidInput

PARENTS = ["c3d4e5f6-a7b8-4012-8def-345678901234", "d3d4e5f6-a7b8-4012-8def-345678901234"]


async def submitted(api: httpx.AsyncClient, owner: str = "editor", **fields: Any) -> dict[str, Any]:
    job: dict[str, Any] = (await api.post("/v1/jobs", json=submission(**fields), headers=key(owner))).json()
    return job


async def listed(api: httpx.AsyncClient, query: str, owner: str = "editor") -> list[str]:
    answer = await api.get(f"/v1/jobs?{query}", headers=key(owner))
    assert answer.status_code == 200, answer.text
    return [job["id"] for job in answer.json()["jobs"]]


async def test_every_filter_narrows_and_all_of_them_combine(api: httpx.AsyncClient) -> None:
    """Parent, labels, times and status."""
    one = await submitted(api, parentJobId=PARENTS[0], labels={"order": "1", "shop": "a=b"})
    two = await submitted(api, parentJobId=PARENTS[1], labels={"order": "1"})
    three = await submitted(api, parentJobId=PARENTS[1], labels={"order": "2"})
    assert await listed(api, f"parentJobId={PARENTS[1].upper()}") == [three["id"], two["id"]]
    assert await listed(api, "label.order=1") == [two["id"], one["id"]]
    assert await listed(api, "label.order=1&label.shop=a%3Db") == [one["id"]]
    assert await listed(api, f"label.order=1&parentJobId={PARENTS[1]}&status=PENDING") == [two["id"]]
    assert await listed(api, "label.order=3") == []
    assert await listed(api, f"createdAfter={one['createdAt']}&createdBefore={three['createdAt']}") == [two["id"]]
    assert await listed(api, "createdBefore=2020-01-01T00:00:00Z") == []
    assert len(await listed(api, "createdAfter=2020-01-01T01:00:00%2B01:00")) == 3
    assert len(await listed(api, "createdAfter=2020-01-01t01:00:00z")) == 3


async def test_a_caller_who_sees_only_his_own_cannot_ask_for_others(api: httpx.AsyncClient) -> None:
    """An operator can."""
    mine, theirs = await submitted(api), await submitted(api, owner="shop")
    assert await listed(api, "owner=editor") == [mine["id"]]
    assert await listed(api, "owner=shop") == []
    assert await listed(api, "owner=shop", owner="ops") == [theirs["id"]]


@pytest.mark.parametrize(
    ("query", "field"),
    [("createdAfter=yesterday", "createdAfter"), ("parentJobId=x", "parentJobId"), ("limit=1&limit=2", "limit"),
     ("owner=shop&limit=0", "limit"), ("labels.order=1", "labels.order"),
     ("createdBefore=99999-01-01", "createdBefore")],
)  # fmt: skip
async def test_a_wrong_filter_is_refused_by_name(api: httpx.AsyncClient, query: str, field: str) -> None:
    """422."""
    assert_problem(await api.get(f"/v1/jobs?{query}", headers=key("editor")), 422, field=field)


async def test_a_cursor_belongs_to_its_list(api: httpx.AsyncClient) -> None:
    """With other filters, or for another caller, it is refused; it tells no id."""
    jobs = [await submitted(api, labels={"order": "1"}) for _ in range(3)]
    page = (await api.get("/v1/jobs?limit=1&label.order=1", headers=key("editor"))).json()
    cursor = page["nextCursor"]
    assert await listed(api, f"limit=1&label.order=1&cursor={cursor}") == [jobs[1]["id"]]
    for query, owner in (("", "editor"), ("label.order=2&", "editor"), ("label.order=1&", "shop")):
        answer = await api.get(f"/v1/jobs?{query}cursor={cursor}", headers=key(owner))
        assert_problem(answer, 422, field="cursor")


def test_a_cursor_outlives_the_rotation_of_the_key_that_sealed_it() -> None:
    """For as long as the old key is listed."""
    sealed = Cursors("old").seal("position", ["jobs"])
    assert Cursors("new", "old").open(sealed, ["jobs"]) == "position"


@given(st.text(max_size=60), st.text(max_size=60))
def test_only_what_was_sealed_is_opened(position: str, guess: str) -> None:
    """Whatever is sent."""
    cursors = Cursors("secret")
    sealed = cursors.seal(position.encode("utf-8", "ignore").decode(), ["jobs"])
    assert sealed is not None
    assert cursors.open(sealed, ["jobs"]) == position.encode("utf-8", "ignore").decode()
    for wrong in (guess, sealed[:-1], sealed + "A", sealed.swapcase()):
        if wrong != sealed:
            with pytest.raises(InvalidInput):
                cursors.open(wrong, ["jobs"])
    with pytest.raises(InvalidInput):
        Cursors("other").open(sealed, ["jobs"])


@pytest.mark.parametrize(
    "query",
    ["limit=" + "9" * 5000, "createdAfter=0001-01-01T00:00:00Z", "createdAfter=9999-12-31T23:59:59.9999Z",
     "createdBefore=1969-07-20T00:00:00Z", "createdBefore=0001-01-01T00:00:00%2B14:00"],
)  # fmt: skip
async def test_no_query_is_odd_enough_to_fail(api: httpx.AsyncClient, query: str) -> None:
    """Numbers and times beyond all bounds."""
    assert (await api.get(f"/v1/jobs?{query}", headers=key("editor"))).status_code in (200, 422)


async def test_an_empty_owner_is_not_everybody(api: httpx.AsyncClient) -> None:
    """It is a variable that was never set."""
    assert_problem(await api.get("/v1/jobs?owner=", headers=key("ops")), 422, field="owner")


async def test_the_order_of_statuses_does_not_matter_to_a_cursor(api: httpx.AsyncClient) -> None:
    """The filter is the same."""
    for _ in range(2):
        await api.post("/v1/jobs", json=submission(), headers=key("editor"))
    path, headers = "/v1/jobs?limit=1&status={}&status={}", key("editor")
    first = (await api.get(path.format("PENDING", "FAILED"), headers=headers)).json()
    second = await api.get(path.format("FAILED", "PENDING") + f"&cursor={first['nextCursor']}", headers=headers)
    assert (second.status_code, len(second.json()["jobs"])) == (200, 1)


async def test_every_wrong_parameter_is_told_at_once(api: httpx.AsyncClient) -> None:
    """In the list, and of one job."""
    wrong = "status=done&createdAfter=yesterday&limit=0&parentJobId=zz&colour=red&owner=a&owner=b"
    problem = assert_problem(await api.get(f"/v1/jobs?{wrong}", headers=key("editor")), 422)
    assert set(problem["errors"]) == {"status", "createdAfter", "limit", "parentJobId", "colour", "owner"}
    problem = assert_problem(await api.get("/v1/jobs/x?wait=61&until=never", headers=key("editor")), 422)
    assert set(problem["errors"]) == {"wait", "until"}

"""`GET /v2/jobs`: pages, filters and scopes."""

from typing import Any

import pytest

from tests.sandbox.actors import Caller, Clock
from tests.sandbox.conftest import Open
from tests.sandbox.shapes import Page


async def _page(apiframe: Caller, **query: Any) -> Any:
    answer = await apiframe.http.get("/v2/jobs", params=query)
    assert answer.status_code == 200
    Page.model_validate(answer.json())
    return answer.json()


async def _five(apiframe: Caller, clock: Clock) -> list[str]:
    ids = []
    for n in range(5):
        ids.append((await apiframe.generate(f"lake {n}")).json()["jobId"])
        clock.turn(seconds=n % 2)
    return ids


async def test_pages_follow_each_other_newest_first(apiframe: Caller, clock: Clock) -> None:
    """Each job once, though some were made in the same moment."""
    ids, seen = await _five(apiframe, clock), []
    cursor: dict[str, str] = {}
    for size in (2, 2, 1):
        page = await _page(apiframe, limit=2, **cursor)
        assert len(page["jobs"]) == size
        seen += page["jobs"]
        cursor = {"cursor": page["nextCursor"]}
    assert (page["hasMore"], page["nextCursor"]) == (False, None)
    assert {job["id"] for job in seen} == set(ids)
    places = [(job["createdAt"], job["id"]) for job in seen]
    assert places == sorted(places, reverse=True)


async def test_the_default_page_holds_twenty(apiframe: Caller) -> None:
    """And says that there is more."""
    for _ in range(21):
        await apiframe.generate()
    page = await _page(apiframe)
    assert (len(page["jobs"]), page["hasMore"]) == (20, True)


async def test_filters_narrow_the_list(apiframe: Caller) -> None:
    """By status, by id, by model."""
    done = await apiframe.settled(await apiframe.generate())
    await apiframe.mischief(job_failed=1)
    failed = await apiframe.settled(await apiframe.generate())
    for query, expected in (
        ({"status": "COMPLETED"}, [done["id"]]),
        ({"status": "FAILED"}, [failed["id"]]),
        ({"search": failed["id"]}, [failed["id"]]),
        ({"model": "suno"}, []),
    ):
        assert [job["id"] for job in (await _page(apiframe, **query))["jobs"]] == expected


async def test_models_are_listed_on_demand(apiframe: Caller) -> None:
    """`include_models` is the string `true`."""
    await apiframe.generate()
    assert "models" not in await _page(apiframe)
    assert (await _page(apiframe, include_models="true"))["models"] == ["midjourney"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("limit", "0"), ("limit", "101"), ("limit", "x"), ("status", "DONE"), ("cursor", "???"),
     ("cursor", "eyJpZCI6IDF9"), ("search", "7"), ("scope", "all"), ("include_models", "yes")],
)  # fmt: skip
async def test_a_wrong_query_is_a_400(apiframe: Caller, name: str, value: str) -> None:
    """It names the parameter."""
    answer = await apiframe.http.get("/v2/jobs", params={name: value})
    assert (answer.status_code, list(answer.json()["details"])) == (400, [name])


async def test_the_teams_jobs_are_for_admins(opened: Open) -> None:
    """403 for a member."""
    async with opened(role="MEMBER") as apiframe:
        assert (await apiframe.http.get("/v2/jobs", params={"scope": "team"})).status_code == 403
    async with opened(role="ADMIN") as apiframe:
        await _page(apiframe, scope="team")


async def test_nobody_sees_a_strangers_jobs(opened: Open) -> None:
    """Not even by id."""
    async with opened(stranger_keys=("afk_stranger",)) as apiframe:
        job_id = (await apiframe.generate()).json()["jobId"]
        apiframe.http.headers["X-API-Key"] = "afk_stranger"
        assert (await _page(apiframe))["jobs"] == []
        assert (await _page(apiframe, search=job_id))["jobs"] == []

"""Who may do what: the route table, walked."""

import httpx
import pytest

from service.app import ROUTES, Access, Public
from tests.door import KEYS, assert_problem, key, submission

GUARDED = [route for route in ROUTES if isinstance(route, Access)]
SOME_ID = "01a20a29-6498-7000-893e-33d42b16a795"


def address(route: Access | Public) -> str:
    return route.path.replace("{job_id}", SOME_ID)


@pytest.mark.parametrize("route", GUARDED, ids=lambda route: f"{route.method} {route.path}")
async def test_a_route_with_a_scope_wants_a_key(api: httpx.AsyncClient, route: Access) -> None:
    """None, and one that nobody knows, are 401 with a word on how to send one."""
    for headers in ({}, {"X-API-Key": "guess"}, {"Authorization": "Bearer guess"}, {"Authorization": "Basic Zm9v"}):
        answer = await api.request(route.method, address(route), headers=headers)
        assert_problem(answer, 401)
        assert "Bearer" in answer.headers["www-authenticate"]


@pytest.mark.parametrize("route", GUARDED, ids=lambda route: f"{route.method} {route.path}")
async def test_a_route_refuses_keys_without_its_scope(api: httpx.AsyncClient, route: Access) -> None:
    """403, naming the scope."""
    implied = {"ops": {"ops", "read:all", "read"}, "read:all": {"read:all", "read"}}
    for name, (_, scopes) in KEYS.items():
        held = set().union(*(implied.get(scope, {scope}) for scope in scopes))
        allowed = bool(held & {route.scope, route.or_scope})
        endless = allowed and route.path == "/v1/stream"
        answer = await api.request("HEAD" if endless else route.method, address(route), headers=key(name))
        if allowed:
            assert answer.status_code not in (401, 403)
        else:
            assert route.scope in assert_problem(answer, 403)["detail"]


async def test_both_ways_of_sending_a_key_work(api: httpx.AsyncClient) -> None:
    """`X-API-Key`, and `Authorization: Bearer` in any case."""
    secret = KEYS["editor"][0]
    for headers in (
        {"X-API-Key": secret},
        {"Authorization": f"Bearer {secret}"},
        {"authorization": f"bearer {secret}"},
    ):
        assert (await api.get("/v1/jobs", headers=headers)).status_code == 200


async def test_a_job_that_is_not_yours_is_not_there(api: httpx.AsyncClient) -> None:
    """404 for another caller, in the list too; a reader of all sees it."""
    job = (await api.post("/v1/jobs", json=submission(), headers=key("editor"))).json()
    for path in (f"/v1/jobs/{job['id']}", f"/v1/jobs/{job['id']}/events"):
        assert_problem(await api.get(path, headers=key("shop")), 404)
        assert (await api.get(path, headers=key("auditor"))).status_code == 200
    assert (await api.get("/v1/jobs", headers=key("shop"))).json()["jobs"] == []
    assert len((await api.get("/v1/jobs", headers=key("ops"))).json()["jobs"]) == 1


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
async def test_the_watchers_routes_need_no_key(api: httpx.AsyncClient, path: str) -> None:
    """They are asked by machines."""
    assert (await api.get(path)).status_code == 200

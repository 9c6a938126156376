"""A look at a job by the short way, against the same by the long one: nobody can tell which it was."""

from collections.abc import AsyncIterator

import httpx
import pytest
from redis.asyncio import Redis

from service.app import create_app
from service.short import look
from tests.door import assert_problem, key, settings_for
from tests.samples import Sample
from tests.service.test_webhooks import metric
from tests.serving import serving
from tracker.settings import Settings
from tracker.store.jobs import JobStore
from tracker.store.keys import name
from tracker.transitions import State

LONG = {"Accept": "application/json, */*"}
"""What goes the long way."""
ITS_OWN = ("x-request-id", "date", "server")


@pytest.fixture
async def api(redis: Redis, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    async with serving(create_app(settings)) as url, httpx.AsyncClient(base_url=url, timeout=30) as api:
        yield api


async def both(api: httpx.AsyncClient, job_id: str, who: str = "auditor", **headers: str) -> httpx.Response:
    """The answer, once it is known to be the same either way."""
    asked = {**key(who), **headers}
    short = await api.get(f"/v1/jobs/{job_id}", headers=asked)
    long = await api.get(f"/v1/jobs/{job_id}", headers={**asked, **LONG})
    assert short.status_code == long.status_code
    assert said(short) == said(long)
    if short.status_code < 400:
        assert short.content == long.content
    return short


def said(answer: httpx.Response) -> dict[str, str]:
    problem = answer.status_code >= 400  # whose request id is in the body, too
    return {name: value for name, value in answer.headers.items() if name not in ITS_OWN and not problem}


@pytest.mark.parametrize("state", State)
async def test_a_job_is_the_same_in_every_state(api: httpx.AsyncClient, store: JobStore, state: State) -> None:
    """To the byte, with every header."""
    job_id = (await Sample(store).in_state(state)).job.id
    answer = await both(api, job_id)
    assert answer.json()["id"] == job_id
    assert answer.headers["etag"].startswith(f'"{job_id}.')


async def test_who_has_it_already_is_told_so(api: httpx.AsyncClient, store: JobStore) -> None:
    """304, by either kind of tag, by one of many, and by any."""
    job_id = (await Sample(store).in_state(State.COMPLETED)).job.id
    etag = (await both(api, job_id)).headers["etag"]
    for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        answer = await both(api, job_id, **{"If-None-Match": known})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
    assert (await both(api, job_id, **{"If-None-Match": '"other"'})).status_code == 200


async def test_upstreams_id_does_too(api: httpx.AsyncClient, store: JobStore) -> None:
    """The short way finds no record under it, and asks further."""
    sample = await Sample(store).in_state(State.PROCESSING)
    assert (await both(api, sample.up)).json()["id"] == sample.job.id


async def test_what_is_not_there_and_what_is_not_theirs_are_alike(api: httpx.AsyncClient, store: JobStore) -> None:
    """404, with a request's own id."""
    job_id = (await Sample(store).in_state(State.PENDING)).job.id
    for asked in (job_id, "00000000-0000-7000-8000-000000000000"):
        problem = assert_problem(await both(api, asked, "shop", **{"X-Request-ID": "abc-1"}), 404)
        assert problem["requestId"] == "abc-1"


async def test_a_record_that_cannot_be_read_is_a_crash(api: httpx.AsyncClient, redis: Redis, store: JobStore) -> None:
    """500, and the next is answered."""
    job_id = (await Sample(store).in_state(State.PENDING)).job.id
    record = await redis.get(name("job", job_id))
    await redis.set(name("job", job_id), b"\xc1")
    assert_problem(await both(api, job_id), 500)
    await redis.set(name("job", job_id), record)
    assert (await both(api, job_id)).status_code == 200


async def test_without_redis_it_says_so(redis: Redis) -> None:
    """503, with a word when to come back."""
    settings = settings_for("redis://127.0.0.1:1")
    async with serving(create_app(settings)) as url, httpx.AsyncClient(base_url=url, timeout=30) as api:
        answer = await both(api, "00000000-0000-7000-8000-000000000000")
    assert_problem(answer, 503)
    assert answer.headers["retry-after"]


async def test_it_is_counted_as_any_other(api: httpx.AsyncClient, store: JobStore) -> None:
    """Under its route."""
    job_id = (await Sample(store).in_state(State.PENDING)).job.id
    await both(api, job_id)
    counted = {"method": "GET", "route": "/v1/jobs/{job_id}", "status": "200"}
    assert await metric(api, "tracker_http_requests_total", **counted) == 2


@pytest.mark.parametrize(
    ("who", "change"),
    [
        ("editor", {}), ("nobody", {}), ("auditor", {"Accept": "text/html"}), ("auditor", {"X-API-Key": ""}),
        ("auditor", {"Authorization": "Bearer key-of-ops", "X-API-Key": ""}), ("auditor", {"Content-Length": "3"}),
    ],
)  # fmt: skip
async def test_only_an_ordinary_one_is_taken(
    api: httpx.AsyncClient, store: JobStore, who: str, change: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other keys, media types and ways to send a key are for those who judge them."""
    job_id = (await Sample(store).in_state(State.PENDING)).job.id
    taken: list[bool] = []
    offered = look.offered

    def noted(*asked: object) -> object:
        taken.append((passing := offered(*asked)) is not None)  # type: ignore[arg-type]
        return passing

    monkeypatch.setattr(look, "offered", noted)
    asked = {"X-API-Key": "nobody's"} if who == "nobody" else key(who)
    body = b"odd" if "Content-Length" in change else None
    await api.request("GET", f"/v1/jobs/{job_id}", headers={**asked, **change}, content=body)
    assert taken == [who == "editor"]

"""What holds for every page: who gets it, what it loads, and that nothing of others runs on it."""

import re

import httpx
import pytest
from redis.asyncio import Redis

from service.app import PAGES, Page
from service.dashboard.assets import FOLDER
from service.dashboard.html import CSP
from tests.door import assert_problem, door, key, settings_for, signed
from tests.service.dashboard import visiting
from tests.service.dashboard.visiting import NAVIGATION, get, signed_in
from tests.service.test_jobs import submitted

EVIL = "<script>alert(1)</script>"
MARK = "alert(1)"
PATHS = ("/", "/jobs/{job_id}", "/deliveries", "/health", "/audit")
NAMES = {"/": "jobs", "/jobs/{job_id}": "job", "/deliveries": "deliveries", "/health": "health", "/audit": "audit"}


@pytest.fixture
async def evil(api: httpx.AsyncClient) -> str:
    """A job whose every text is markup, a quarantined delivery and a pause that are, too; its id."""
    fields = {"prompt": EVIL, "labels": {"a": EVIL, '"><b onload>': "'>" + EVIL}}
    job = await submitted(api, **fields)
    evil_body = {"event": EVIL, "jobId": EVIL, "note": EVIL}
    answer = await api.post(f"/webhooks/apiframe/{job['id']}", **signed(evil_body))
    assert answer.json()["outcome"] == "quarantined"
    await api.post("/v1/queue/pause", json={"reason": EVIL}, headers=key("ops"))
    return str(job["id"])


def test_every_page_is_tried_here() -> None:
    """One that is added must be, too."""
    assert {page.path for page in PAGES if isinstance(page, Page)} == set(PATHS)


@pytest.mark.parametrize("path", PATHS)
async def test_a_page_names_itself_and_is_for_nobodys_cache(ops: httpx.AsyncClient, evil: str, path: str) -> None:
    """In its body; after signing out, no Back shows it."""
    answer = await ops.get(path.format(job_id=evil))
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "private, no-store")
    page = visiting.Page(answer.text)
    assert page.name == NAMES[path]
    assert [len(page.all(tag)) for tag in ("main", "h1")] == [1, 1]


@pytest.mark.parametrize(
    "path", [*PATHS, "/nowhere", "/jobs/nonsense", "/sign-in", "/?status=NONSENSE", "/?search=nonsense"]
)
async def test_a_page_loads_and_runs_nothing_but_our_files(ops: httpx.AsyncClient, evil: str, path: str) -> None:
    """By its policy and by what is in it: no inline script or style, no handler, no other host."""
    answer = await ops.get(
        path.format(job_id=evil), headers={**NAVIGATION, "Cookie": "" if path == "/sign-in" else cookie(ops)}
    )
    assert answer.headers["content-security-policy"] == CSP
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "unsafe" not in CSP
    page = visiting.Page(answer.text)
    for element in page.elements:
        assert element.tag not in ("style", "iframe", "object", "base"), element
        assert not [name for name in element.attributes if name == "style" or name.startswith("on")], element
        for name in ("src", "href", "action"):
            assert re.match(r"(/(?!/)|#|$)", element.attributes.get(name, "")), element
    for script in page.all("script"):
        assert (script.text, (FOLDER / script.attributes["src"].removeprefix("/static/")).is_file()) == ("", True)


def cookie(api: httpx.AsyncClient) -> str:
    return "; ".join(f"{name}={value}" for name, value in api.cookies.items())


@pytest.mark.parametrize("path", [*PATHS, "/?search=" + EVIL, "/?owner=" + EVIL, "/?label.a=" + EVIL, "/?x=" + EVIL])
async def test_what_others_wrote_is_text(ops: httpx.AsyncClient, evil: str, path: str) -> None:
    """Prompts, labels, reasons, bodies of deliveries, addresses: shown, and never run."""
    answer = await ops.get(path.format(job_id=evil), headers=NAVIGATION)
    page = visiting.Page(answer.text)
    assert not [script for script in page.all("script") if MARK in script.text]
    assert EVIL not in answer.text


async def test_what_others_wrote_is_shown(ops: httpx.AsyncClient, evil: str) -> None:
    """As they wrote it."""
    assert EVIL in (await get(ops, "/")).one("a", href=f"/jobs/{evil}").text
    job = await get(ops, f"/jobs/{evil}")
    assert EVIL in job.one("h1").text
    assert next(label.text for label in job.all("a", **{"class": "label"})) == f"a={EVIL}"
    assert EVIL in (await get(ops, "/deliveries")).one("pre").text
    assert EVIL in (await get(ops, "/health")).one(id="paused").text


@pytest.mark.parametrize("path", ["/deliveries", "/audit"])
async def test_pages_of_operators_are_not_for_readers(auditor: httpx.AsyncClient, path: str) -> None:
    """They are told so in plain words, with a way on; and no link leads there."""
    page = await get(auditor, path, 403)
    assert "ops" in page.one("main").text
    assert page.all("button", id="sign-out")
    assert not page.all("a", href=path)


@pytest.mark.parametrize("path", ["/", "/jobs/{job_id}", "/health"])
async def test_readers_see_no_buttons_that_do_anything(auditor: httpx.AsyncClient, evil: str, path: str) -> None:
    """Nor boxes to select with."""
    page = await get(auditor, path.format(job_id=evil))
    assert not page.all(data_action="*")
    assert not page.all("input", type="checkbox", name="pick")
    assert not page.all(id="bulk")


@pytest.mark.parametrize("path", ["/", "/jobs/{job_id}", "/health", "/deliveries"])
async def test_operators_do(ops: httpx.AsyncClient, evil: str, path: str) -> None:
    """What each page offers."""
    offered = {
        "/": {"refresh", "cancel"}, "/jobs/{job_id}": {"cancel"}, "/health": {"resume"},
        "/deliveries": {"replay", "delete"},
    }  # fmt: skip
    page = await get(ops, path.format(job_id=evil))
    assert {button.attributes["data-action"] for button in page.all("button", data_action="*")} == offered[path]


async def test_what_is_not_there_is_a_page_for_people_and_a_problem_for_programs(ops: httpx.AsyncClient) -> None:
    """By what they ask for; the API's addresses know problems alone."""
    assert (await get(ops, "/nowhere", 404)).one("h1").text == "Not found"
    assert (await get(ops, "/jobs/01a20a29-6498-7000-893e-33d42b16a795", 404)).name == "refused"
    assert_problem(await ops.get("/nowhere"), 404)
    assert_problem(await ops.get("/v1/nowhere", headers=NAVIGATION), 404)
    assert_problem(await ops.get("/v1/jobs/nonsense", headers=NAVIGATION), 404)
    assert_problem(await ops.post("/health"), 405)


async def test_while_redis_is_away_a_page_says_so_and_tries_again(redis: Redis) -> None:
    """With a session, which cannot be looked at then, and without."""
    async with door(settings_for("unix:///nowhere/redis.sock")) as api:
        away = await api.get("/", headers={**NAVIGATION, "Cookie": await anybodys_cookie(redis)})
    assert (away.status_code, away.headers["retry-after"]) == (503, "2")
    page = visiting.Page(away.text)
    assert page.one("body").attributes["data-retry"] == "2"
    assert "Redis" in page.one("main").text
    assert page.all("script", src="/static/retry.js")


async def anybodys_cookie(redis: Redis) -> str:
    path = redis.connection_pool.connection_kwargs["path"]
    async with door(settings_for(f"unix://{path}")) as api:
        await signed_in(api)
        return cookie(api)


async def test_a_page_answers_head(ops: httpx.AsyncClient) -> None:
    """As every address does."""
    answer = await ops.head("/health")
    assert (answer.status_code, answer.headers["content-security-policy"]) == (200, CSP)

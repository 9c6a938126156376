"""People sign in with a key and out again; nobody does either in their place."""

import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from redis.asyncio import Redis

from service.app import create_app
from service.failures import BURST
from service.sessions import COOKIE, FORM_COOKIE, LIFETIME
from tests.door import KEYS, UPSTREAM_KEY, assert_problem, door, key, settings_for
from tests.service.dashboard.visiting import Page, form_token, get, sign_in, signed_in
from tracker.settings import Settings


async def test_a_key_opens_the_dashboard(api: httpx.AsyncClient) -> None:
    """The cookie is for the browser alone, sent to us alone, and ends by itself; the key is in nothing that is kept."""
    answer = await sign_in(api)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    [cookie] = [one for one in answer.headers.get_list("set-cookie") if one.startswith(COOKIE)]
    assert {"HttpOnly", "SameSite=strict", "Path=/", f"Max-Age={int(LIFETIME.total_seconds())}"} <= set(
        cookie.split("; ")
    )
    assert "Secure" not in cookie
    assert KEYS["ops"][0] not in cookie
    assert (await get(api, "/")).name == "jobs"


async def test_over_https_the_cookie_is_for_https_alone(redis: Redis, settings: Settings) -> None:
    """It is never sent in the clear."""
    async with door(settings) as api:
        api.base_url = httpx.URL("https://tracker.test")
        cookies = (await sign_in(api)).headers.get_list("set-cookie")
    assert all("Secure" in cookie for cookie in cookies)


@pytest.mark.parametrize(
    "path", ["/", "/jobs/01a20a29-6498-7000-893e-33d42b16a795", "/deliveries", "/health", "/audit"]
)
async def test_without_a_session_every_page_leads_to_the_form(api: httpx.AsyncClient, path: str) -> None:
    """And back to the page that was asked for."""
    answer = await api.get(path)
    assert answer.status_code == 303
    led = httpx.URL(answer.headers["location"])
    assert (led.path, led.params.get("next", "/")) == ("/sign-in", path)
    assert (await get(api, str(led))).one("input", name="next").attributes["value"] == path


async def test_an_api_key_in_a_header_opens_no_page(api: httpx.AsyncClient) -> None:
    """Pages are for sessions: without one there is no token for what they do."""
    assert (await api.get("/", headers=key("ops"))).status_code == 303


@pytest.mark.parametrize("asked", ["/health", "/?status=FAILED&owner=shop", "/deliveries?outcome=refused", "/audit"])
async def test_one_comes_back_to_what_one_asked_for(api: httpx.AsyncClient, asked: str) -> None:
    """Filters included."""
    assert (await sign_in(api, next=asked)).headers["location"] == asked


@pytest.mark.parametrize(
    "asked",
    [
        "https://evil.example/", "//evil.example", "/\\evil.example", "///evil.example", "/v1/jobs", "/sign-out",
        "javascript:alert(1)",
        "/\t/evil.example", "/health\r\nX: y", "/jobs/../v1", "", "/health?\\", "/ü",
    ],
)  # fmt: skip
async def test_nobody_is_led_elsewhere(api: httpx.AsyncClient, asked: str) -> None:
    """Only to pages of ours."""
    assert (await sign_in(api, next=asked)).headers["location"] == "/"


@pytest.mark.parametrize("name", ["editor", "reader"])
async def test_a_key_that_may_not_see_all_jobs_is_told_so(api: httpx.AsyncClient, name: str) -> None:
    """By name, and with the scope that it takes."""
    answer = await sign_in(api, name)
    assert answer.status_code == 403
    assert COOKIE not in api.cookies
    told = Page(answer.text).one(id="refusal").text
    assert name in told
    assert "read:all" in told


async def test_a_wrong_key_is_told_as_wrong(api: httpx.AsyncClient) -> None:
    """On the form, which can be sent again at once."""
    answer = await api.post("/sign-in", data={"csrf": await form_token(api), "key": "guess"})
    assert answer.status_code == 401
    assert "Nobody knows" in Page(answer.text).one(id="refusal").text
    token = Page(answer.text).one("input", name="csrf").attributes["value"]
    assert (await api.post("/sign-in", data={"csrf": token, "key": KEYS["ops"][0]})).status_code == 303


async def test_guessing_is_slowed_down_and_a_right_key_is_not(api: httpx.AsyncClient) -> None:
    """As for calls."""
    token = await form_token(api)
    answers = [await api.post("/sign-in", data={"csrf": token, "key": f"guess-{n}"}) for n in range(BURST + 1)]
    assert [answer.status_code for answer in answers] == [401] * BURST + [429]
    assert int(answers[-1].headers["retry-after"]) > 0
    assert (await api.post("/sign-in", data={"csrf": token, "key": KEYS["ops"][0]})).status_code == 303


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"},
        {"Origin": "null"},
    ],
)  # fmt: skip
async def test_another_sites_form_signs_nobody_in(api: httpx.AsyncClient, headers: dict[str, str]) -> None:
    """Whoever signed in with a stranger's key would work under the stranger's eyes."""
    form = {"csrf": await form_token(api), "key": KEYS["ops"][0]}
    answer = await api.post("/sign-in", data=form, headers=headers)
    assert answer.status_code == 403
    assert COOKIE not in api.cookies
    good = {"Sec-Fetch-Site": "same-origin", "Origin": "http://tracker.test"}
    assert (await api.post("/sign-in", data=form, headers=good)).status_code == 303


@pytest.mark.parametrize("token", ["", "guess", "ümlaut"])
async def test_a_form_without_its_token_signs_nobody_in(api: httpx.AsyncClient, token: str) -> None:
    """Nor one whose cookie is another's."""
    await form_token(api)
    assert (await api.post("/sign-in", data={"csrf": token, "key": KEYS["ops"][0]})).status_code == 400
    mine = await form_token(api)
    api.cookies.clear()
    await form_token(api)
    assert (await api.post("/sign-in", data={"csrf": mine, "key": KEYS["ops"][0]})).status_code == 400


async def test_signing_out_ends_the_session_also_for_a_copy_of_its_cookie(api: httpx.AsyncClient) -> None:
    """The cookie is taken away, and worth nothing afterwards."""
    token = await signed_in(api)
    copied = api.cookies[COOKIE]
    answer = await api.post("/sign-out", data={"csrf": token})
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
    assert COOKIE not in api.cookies
    stolen = {"Cookie": f"{COOKIE}={copied}"}
    assert (await api.get("/", headers=stolen)).status_code == 303
    assert_problem(await api.get("/v1/jobs", headers=stolen), 401)


@pytest.mark.parametrize("fields", [{"other": "x"}, {"csrf": "guess"}])
async def test_nobody_is_signed_out_by_others(api: httpx.AsyncClient, fields: dict[str, str]) -> None:
    """The button's form carries the session's token."""
    token = await signed_in(api)
    assert (await api.post("/sign-out", data=fields)).status_code == 403
    abroad = {"Sec-Fetch-Site": "cross-site"}
    assert (await api.post("/sign-out", data={"csrf": token}, headers=abroad)).status_code == 403
    assert (await api.get("/")).status_code == 200


async def test_a_session_ends_by_itself(redis: Redis, settings: Settings) -> None:
    """After its hours, whatever the browser keeps."""
    now = [datetime(2026, 3, 15, 10, 0, tzinfo=UTC)]
    async with door(settings, create_app(settings, clock=lambda: now[0])) as api:
        await signed_in(api)
        now[0] += LIFETIME - timedelta(seconds=1)
        cookie = {"Cookie": f"{COOKIE}={api.cookies[COOKIE]}"}
        assert (await api.get("/", headers=cookie)).status_code == 200
        now[0] += timedelta(seconds=1)
        assert (await api.get("/", headers=cookie)).status_code == 303
        for _ in range(BURST + 5):  # pages that were left open ask again and again, and are no guesses at a key
            assert_problem(await api.get("/v1/jobs", headers=cookie), 401)


async def test_a_session_ends_with_its_key(redis: Redis, redis_url: str, settings: Settings) -> None:
    """Once the key is listed no more; and goes on in another process that lists it."""
    async with door(settings) as api:
        await signed_in(api)
        cookie = {"Cookie": f"{COOKIE}={api.cookies[COOKIE]}"}
    async with door(settings) as another:
        assert (await another.get("/", headers=cookie)).status_code == 200
    left = [entry for entry in settings.api_keys if entry.name != "ops"]
    async with door(settings_for(redis_url, api_keys=left)) as without:
        assert (await without.get("/", headers=cookie)).status_code == 303
        assert_problem(await without.get("/v1/jobs", headers=cookie), 401)


async def test_a_session_outlives_the_rotation_of_apiframes_key(
    redis: Redis, redis_url: str, settings: Settings
) -> None:
    """As long as the old one is listed as previous; then it is nobody's."""
    async with door(settings) as api:
        await signed_in(api)
        cookie = {"Cookie": f"{COOKIE}={api.cookies[COOKIE]}"}
    rotated = {"apiframe_api_key": "afk_new", "apiframe_previous_api_keys": UPSTREAM_KEY}
    async with door(settings_for(redis_url, **rotated)) as later:
        assert (await later.get("/", headers=cookie)).status_code == 200
    async with door(settings_for(redis_url, apiframe_api_key="afk_new")) as forgotten:
        assert (await forgotten.get("/", headers=cookie)).status_code == 303


@pytest.mark.parametrize(
    "change", [lambda cookie: cookie[:-1], lambda cookie: "a" + cookie, lambda _: "a.b", lambda _: ""]
)
async def test_a_cookie_that_was_changed_opens_nothing(api: httpx.AsyncClient, change: object) -> None:
    """It is signed."""
    await signed_in(api)
    assert callable(change)
    cookie = {"Cookie": f"{COOKIE}={change(api.cookies[COOKIE])}"}
    api.cookies.clear()
    assert (await api.get("/", headers=cookie)).status_code == 303


async def test_the_session_reaches_the_api_and_acts_with_its_token_alone(api: httpx.AsyncClient) -> None:
    """Reading takes the cookie; an action also the token in a header, which no other site can send."""
    token = await signed_in(api)
    assert (await api.get("/v1/jobs")).status_code == 200
    for headers in ({}, {"X-CSRF-Token": ""}, {"X-CSRF-Token": "guess"}):
        problem = assert_problem(await api.post("/v1/queue/resume", headers=headers), 403)
        assert "X-CSRF-Token" in problem["detail"]
    assert (await api.post("/v1/queue/resume", headers={"X-CSRF-Token": token})).status_code == 200
    assert (await api.post("/v1/queue/resume", headers=key("ops"))).status_code == 200


async def test_one_sessions_token_is_no_others(redis: Redis, settings: Settings) -> None:
    """Not even of the same key."""
    async with door(settings) as one, door(settings) as other:
        token = await signed_in(one)
        await signed_in(other)
        assert_problem(await other.post("/v1/queue/resume", headers={"X-CSRF-Token": token}), 403)


async def test_a_session_has_no_more_than_its_key(api: httpx.AsyncClient) -> None:
    """Whoever may only look cannot act with a token, either."""
    token = await signed_in(api, "auditor")
    problem = assert_problem(await api.post("/v1/queue/resume", headers={"X-CSRF-Token": token}), 403)
    assert "ops" in problem["detail"]


async def test_a_link_on_another_site_finds_the_session(api: httpx.AsyncClient) -> None:
    """The cookie is not sent with it: a page of ours asks once more, and only then comes the form."""
    answer = await api.get("/health", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 200
    assert Page(answer.text).one(id="go-on").attributes["href"] == "/health"
    assert (await api.get("/health", headers={"Sec-Fetch-Site": "same-origin"})).status_code == 303


async def test_who_is_in_is_not_asked_again(api: httpx.AsyncClient) -> None:
    """The form leads on."""
    await signed_in(api)
    answer = await api.get("/sign-in?next=/health")
    assert (answer.status_code, answer.headers["location"]) == (303, "/health")


@pytest.mark.parametrize(
    ("body", "media", "status"),
    [
        (b"key=" + b"a" * 20_000, "application/x-www-form-urlencoded", 413),
        (b"key=%ff&csrf=%00", "application/x-www-form-urlencoded", 400),
        (b"&".join(b"a=b" for _ in range(100)), "application/x-www-form-urlencoded", 400),
        (b"\xff", "application/x-www-form-urlencoded", 400),
        (b"{}", "application/json", 415),
    ],
)
async def test_a_form_that_is_none_gets_a_page_that_says_so(
    api: httpx.AsyncClient, body: bytes, media: str, status: int
) -> None:
    """No crash, whatever is sent."""
    answer = await api.post("/sign-in", content=body, headers={"Content-Type": media})
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("odd", ['"a\\012b"', '"\\377"', "x" * 300, "short", "."])
async def test_a_cookie_that_is_none_of_ours_is_not_sent_back(api: httpx.AsyncClient, odd: str) -> None:
    """The form gets a new one, and works."""
    answer = await api.get("/sign-in", headers={"Cookie": f"{FORM_COOKIE}={odd}"})
    assert re.match(rf"{FORM_COOKIE}=[\w-]{{24}};", answer.headers["set-cookie"])
    assert (await sign_in(api)).status_code == 303

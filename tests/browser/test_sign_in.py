"""The way in with an API key, and out again."""

import re

from playwright.async_api import Page, expect

from tests.browser import ONE_LOOP
from tests.browser.scenes import completed, pause
from tests.browser.windows import Windows, give_key, sign_in
from tests.door import KEYS
from tests.town import Town

pytestmark = ONE_LOOP


async def is_at(page: Page, name: str) -> None:
    await expect(page.locator("body")).to_have_attribute("data-page", name)


async def test_a_key_opens_the_dashboard(at: Windows) -> None:
    """Who is not known is led to the form first."""
    page = await at.open("/")
    await is_at(page, "sign-in")
    await give_key(page, KEYS["ops"][0])
    await is_at(page, "jobs")
    await expect(page.locator(".who")).to_have_text("ops")


async def test_a_wrong_key_is_refused_in_words_and_the_right_one_taken_after_it(at: Windows) -> None:
    """The wrong one is not shown again."""
    page = await at.open("/sign-in")
    with at.watch.expecting("status of 401"):
        await give_key(page, "key-of-nobody")
        await expect(page.get_by_role("alert")).to_be_visible()
    await expect(page.locator("input[name=key]")).to_have_value("")
    assert "key-of-nobody" not in await page.content()
    await give_key(page, KEYS["ops"][0])
    await is_at(page, "jobs")


async def test_whoever_signs_in_comes_to_where_they_wanted(at: Windows) -> None:
    """With the filters of that address."""
    page = await at.open("/?status=FAILED&label.order=8821")
    await is_at(page, "sign-in")
    await give_key(page, KEYS["ops"][0])
    await expect(page).to_have_url(re.compile(r"/\?status=FAILED&label.order=8821$"))


async def test_signing_out_ends_the_session_in_every_window(at: Windows) -> None:
    """Also for a copy of its cookie."""
    page = await at.open("/", name="ops")
    cookies = await page.context.cookies()
    other = await page.context.new_page()
    await other.goto("/health")
    await page.locator("#sign-out").click()
    await is_at(page, "sign-in")
    await other.goto("/health")
    await is_at(other, "sign-in")
    assert [one["name"] for one in await page.context.cookies() if one["name"] == "inpaint_session"] == []
    thief = await at.open("/sign-in")
    await thief.context.add_cookies([{"name": one["name"], "value": one["value"], "url": at.base_url}
                                     for one in cookies])  # fmt: skip
    await thief.goto("/")
    await is_at(thief, "sign-in")


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(at: Windows) -> None:
    """HttpOnly, SameSite=Strict, and the key is not in it."""
    page = await at.open("/", name="ops")
    [cookie] = [one for one in await page.context.cookies() if one["name"] == "inpaint_session"]
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert KEYS["ops"][0] not in cookie["value"]
    assert await page.evaluate("document.cookie") == ""


async def test_a_key_without_ops_sees_no_buttons(at: Windows, here: Town) -> None:
    """On no page that it may see; those of operators are refused in words."""
    done = await completed(here, prompt="a balloon")
    await pause(here)
    waiting = await here.submit(prompt="a fox")
    page = await at.open("/", name="auditor")
    for path in ("/", f"/jobs/{done['id']}", f"/jobs/{waiting['id']}", "/health"):
        await page.goto(path)
        await expect(page.locator("h1")).to_be_visible()
        assert await page.locator("[data-action], input[type=checkbox]:not(#shortcuts-on)").count() == 0, path
    for path in ("/deliveries", "/audit"):
        with at.watch.expecting("status of 403"):
            await page.goto(path)
            await expect(page.locator("h1")).to_be_visible()
        assert await page.locator("[data-entry], [data-row]").count() == 0


async def test_a_key_that_sees_its_own_jobs_alone_is_not_let_in(at: Windows) -> None:
    """The page shows everybody's; it says which scope is missing."""
    page = await at.open("/sign-in")
    with at.watch.expecting("status of 403"):
        await give_key(page, KEYS["editor"][0])
        await expect(page.get_by_role("alert")).to_contain_text("read:all")
    await is_at(page, "sign-in")


async def test_every_signing_in_and_out_is_in_the_audit(at: Windows) -> None:
    """Under the name of the key."""
    page = await at.open("/", name="ops")
    await page.locator("#sign-out").click()
    await page.goto("/audit")
    await sign_in(page, "ops")
    await expect(page.locator("[data-part=audit] tbody tr")).to_contain_text(
        ["session.sign-in", "session.sign-out", "session.sign-in"]
    )

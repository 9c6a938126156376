"""The jobs: live, filtered, shared, acted upon."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Locator, Page, Route, expect

from tests.browser import ONE_LOOP
from tests.browser.scenes import completed, pause, resume
from tests.browser.windows import Windows, sign_in
from tests.door import key
from tests.town import Town

pytestmark = ONE_LOOP

SLOWLY = {"sandbox": {"run_seconds": 6}}
UNTOLD = {"mischief": {"webhook_dropped": 1}, "poll_after_seconds": 600}


def row(page: Page, job: dict[str, Any]) -> Locator:
    return page.locator(f"tr[data-job='{job['id']}']")


def rows(page: Page) -> Locator:
    return page.locator("table tr[data-job]")


async def is_live(page: Page) -> None:
    await expect(page.locator("[data-live=on]")).to_be_visible()


async def stays(page: Page) -> None:
    """From now on `stayed` tells whether the document is the same."""
    await page.evaluate("window.stays = true")


async def stayed(page: Page) -> bool:
    return bool(await page.evaluate("window.stays === true"))


async def shows(shown: Locator, status: str) -> None:
    await expect(shown.locator("[data-field=status]")).to_have_text(status)


@pytest.mark.parametrize("here", [SLOWLY], indirect=True)
async def test_a_job_goes_from_pending_to_completed_before_ones_eyes(at: Windows, here: Town) -> None:
    """Its bar grows, its picture comes, and the page is never loaded anew."""
    await pause(here)
    job = await here.submit(prompt="a red balloon")
    page = await at.open("/", name="ops")
    await is_live(page)
    await stays(page)
    shown = row(page, job)
    await shows(shown, "PENDING")
    await resume(here)
    await shows(shown, "PROCESSING")
    await expect(shown.locator("progress[data-field=progress]")).to_have_attribute("value", re.compile("25|50|75"))
    await shows(shown, "COMPLETED")
    await expect(shown).to_have_attribute("data-status", "COMPLETED")
    await expect(shown.locator("[data-field=settled]")).to_have_text("webhook")
    await expect(shown.locator("[data-field=credits]")).to_have_text("16")
    await seen(shown.locator("img.thumb"))
    assert await stayed(page)


async def seen(image: Locator) -> None:
    """Loaded, and a picture."""
    await expect(image).to_be_visible()
    await expect(image).to_have_js_property("complete", True)
    assert await image.evaluate("one => one.naturalWidth") > 0


async def test_a_new_job_appears_by_itself(at: Windows, here: Town) -> None:
    """Above the others; the counts follow."""
    await pause(here)
    page = await at.open("/", name="ops")
    await expect(page.locator("[data-empty]")).to_be_visible()
    await is_live(page)
    await stays(page)
    jobs = [await here.submit(prompt=f"fox {n}") for n in range(3)]
    await expect(rows(page)).to_have_count(3)
    assert await rows(page).evaluate_all("all => all.map(one => one.dataset.job)") == [one["id"] for one in jobs[::-1]]
    await expect(page.locator("[data-count=PENDING]")).to_have_text("3")
    await expect(page.locator("[data-empty]")).to_be_hidden()
    assert await stayed(page)


async def test_a_job_shows_where_it_stands_after_the_service_was_away(at: Windows, here: Town) -> None:
    """The live mark goes off and on; what happened in between is caught up with, without a reload."""
    await pause(here)
    job = await here.submit(prompt="a fox")
    page = await at.open("/", name="ops")
    await is_live(page)
    await stays(page)
    with at.watch.expecting("ERR_"):
        async with page.expect_event("requestfailed"):
            await here.service.stop()
            await expect(page.locator("[data-live=off]")).to_be_visible()
        await here.tools.gate.resume()
        await until_final(here, job)
        await here.service.start()
        await is_live(page)
        await shows(row(page, job), "COMPLETED")
    assert await stayed(page)


async def until_final(here: Town, job: dict[str, Any]) -> None:
    """Without the service."""
    while (stored := await here.tools.store.get(job["id"])) is None or not stored.job.status.is_final:
        await asyncio.sleep(0.05)


async def test_the_counts_are_filters(at: Windows, here: Town) -> None:
    """One status, then none; the address tells which."""
    done = await completed(here)
    await pause(here)
    waiting = await here.submit()
    page = await at.open("/", name="ops")
    await expect(rows(page)).to_have_count(2)
    await page.locator("a[data-status-filter=COMPLETED]").click()
    await expect(page).to_have_url(re.compile(r"\?status=COMPLETED$"))
    await expect(rows(page)).to_have_count(1)
    await expect(row(page, done)).to_be_visible()
    await page.locator("a[data-status-filter=PENDING]").click()
    await expect(row(page, waiting)).to_be_visible()
    await expect(rows(page)).to_have_count(1)
    await page.go_back()
    await expect(row(page, done)).to_be_visible()


async def test_an_address_shows_everybody_the_same(at: Windows, here: Town) -> None:
    """Filtered by a label in the page and by state, opened by another in a browser of their own."""
    wanted = await completed(here, labels={"order": "8821", "round": "a & b"})
    for labels in ({"order": "8821"}, {"order": "8822", "round": "a & b"}, None):
        await completed(here, **({"labels": labels} if labels else {}))
    page = await at.open("/", name="ops")
    await row(page, wanted).get_by_role("link", name="round=a & b").click()
    await expect(rows(page)).to_have_count(2)
    await page.locator("a[data-status-filter=COMPLETED]").click()
    await expect(page).to_have_url(re.compile("status=COMPLETED"))  # the page before has the same field
    await page.locator("#f-label").fill("order=8821")
    await page.locator("#filter button").click()
    await expect(rows(page)).to_have_count(1)
    other = await at.open(page.url, name="auditor")
    await expect(rows(other)).to_have_count(1)
    await expect(row(other, wanted)).to_be_visible()
    await expect(other.locator(".chips li")).to_contain_text(["a & b", "8821", "Clear"])


async def test_a_filtered_page_is_live_too(at: Windows, here: Town) -> None:
    """A job that matches comes, one that does not stays away, and one that matches no more says so."""
    await pause(here)
    page = await at.open("/?status=PENDING&label.order=1", name="ops")
    await is_live(page)
    other = await here.submit(labels={"order": "2"})
    job = await here.submit(labels={"order": "1"})
    await shows(row(page, job), "PENDING")
    await expect(row(page, other)).to_have_count(0)
    await resume(here)
    await shows(row(page, job), "COMPLETED")
    await expect(row(page, job)).to_contain_text("no longer matches")


@pytest.mark.parametrize("what", ["id", "upstreamJobId"])
async def test_a_search_for_an_id_opens_the_job(at: Windows, here: Town, what: str) -> None:
    """Ours or Apiframe's."""
    job = await completed(here)
    page = await at.open("/health", name="ops")
    await page.locator("input[name=search]").fill(job[what])
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile(f"/jobs/{job['id']}$"))


async def test_a_search_for_a_label_lists_its_jobs(at: Windows, here: Town) -> None:
    """And one for what nobody has says that there is nothing."""
    job, _ = await completed(here, labels={"order": "8821"}), await completed(here)
    page = await at.open("/", name="ops")
    await page.locator("input[name=search]").fill("order=8821")
    await page.keyboard.press("Enter")
    await expect(row(page, job)).to_be_visible()
    await expect(rows(page)).to_have_count(1)
    await page.locator("input[name=search]").fill("0198f5a0-0000-7000-8000-000000000000")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("No job")


async def test_pages_do_not_jump(at: Windows, here: Town) -> None:
    """What is new while somebody reads the second page moves nothing there."""
    await pause(here)
    jobs = await asyncio.gather(*[here.submit(prompt=f"fox {n}") for n in range(30)])
    ids = sorted((one["id"] for one in jobs), reverse=True)
    page = await at.open("/", name="ops")
    listed = await rows(page).evaluate_all("all => all.map(one => one.dataset.job)")
    assert listed == ids[: len(listed)]
    assert len(listed) < 30
    await page.get_by_role("link", name="Older").click()
    await expect(rows(page)).to_have_count(30 - len(listed))
    await is_live(page)
    await here.submit(prompt="new")
    await expect(page.locator("#fresh")).to_be_visible()
    assert await rows(page).evaluate_all("all => all.map(one => one.dataset.job)") == ids[len(listed) :]
    await page.locator("#fresh").click()
    await expect(rows(page).first).to_contain_text("new")


async def test_what_matches_is_cancelled_with_the_count_shown_before(at: Windows, here: Town) -> None:
    """Everything that matches, beyond the page; nothing else, and not before it is confirmed."""
    await pause(here)
    await asyncio.gather(*[here.submit(labels={"order": "1"}) for _ in range(30)])
    other = await here.submit(labels={"order": "2"})
    page = await at.open("/?label.order=1", name="ops")
    await page.locator("#pick-all").check()
    await page.locator("[data-bulk=all]").click()
    await expect(page.locator("[data-bulk=count]")).to_have_text("All 30 that match")
    await page.locator("#bulk [data-action=cancel]").click()
    await expect(page.locator("#ask")).to_contain_text("Of 30 jobs, 30 would be cancelled")
    assert await pending(here) == 31
    await page.locator("#ask").get_by_role("button", name="Back").click()
    assert await pending(here) == 31
    await page.locator("#bulk [data-action=cancel]").click()
    await page.locator("#ask button[value=confirm]").click()
    await expect(page.locator(".toasts")).to_contain_text("30 jobs cancelled")
    await expect(page.locator("tr[data-job][data-status=CANCELLED]")).to_have_count(await rows(page).count())
    assert (await here.get(other))["status"] == "PENDING"
    assert await pending(here) == 1
    await page.goto("/audit")
    await expect(page.locator("[data-part=audit] tbody tr").first).to_contain_text("jobs.cancel")


async def pending(here: Town) -> int:
    answer = await here.api.get("/v1/stats", headers=key("ops"))
    return int(answer.json()["jobs"]["PENDING"])


async def test_of_a_selection_what_cannot_be_cancelled_is_told(at: Windows, here: Town) -> None:
    """Two are chosen, one can be."""
    done = await completed(here)
    await pause(here)
    waiting, other = await here.submit(), await here.submit()
    page = await at.open("/", name="ops")
    for job in (done, waiting):
        await row(page, job).locator("input[name=pick]").check()
    await expect(page.locator("[data-bulk=count]")).to_have_text("2")
    await page.locator("#bulk [data-action=cancel]").click()
    await expect(page.locator("#ask")).to_contain_text("Of 2 jobs, 1 would be cancelled. 1 cannot be")
    await page.locator("#ask button[value=confirm]").click()
    await shows(row(page, waiting), "CANCELLED")
    await shows(row(page, other), "PENDING")
    await shows(row(page, done), "COMPLETED")


@pytest.mark.parametrize("here", [{"mischief": {"webhook_dropped": 1}, "poll_after_seconds": 600}], indirect=True)
async def test_a_selection_is_asked_about_upstream(at: Windows, here: Town) -> None:
    """What no webhook told is learned at once, and shown."""
    job = await here.until(await here.submit(), "QUEUED")
    await here.sandbox.get(f"/sandbox/jobs/{job['upstreamJobId']}/settled")
    page = await at.open("/", name="ops")
    await is_live(page)
    await row(page, job).locator("input[name=pick]").check()
    await page.locator("#bulk [data-action=refresh]").click()
    await page.locator("#ask button[value=confirm]").click()
    await shows(row(page, job), "COMPLETED")
    await expect(row(page, job).locator("[data-field=settled]")).to_have_text("poll")


@pytest.mark.parametrize("here", [UNTOLD], indirect=True)
async def test_a_list_that_comes_late_takes_no_job_back(at: Windows, here: Town) -> None:
    """It was read before the stream told of the end."""
    job = await settled_upstream(here)
    page = await at.open("/", name="ops")
    await is_live(page)
    async with a_late_list(page):
        await here.api.post(f"/v1/jobs/{job['id']}/refresh", headers=key("ops"))
        await shows(row(page, job), "COMPLETED")
    await shows(row(page, job), "COMPLETED")


@pytest.mark.parametrize("here", [UNTOLD], indirect=True)
async def test_nor_one_that_waits_above_the_list(at: Windows, here: Town) -> None:
    """Somebody has picked a row, so that a new job is only announced."""
    first = await here.submit()
    page = await at.open("/", name="ops")
    await is_live(page)
    await row(page, first).locator("input[name=pick]").check()
    job = await settled_upstream(here)
    await expect(page.locator("#fresh")).to_have_text("1 new job")
    async with a_late_list(page):
        await here.api.post(f"/v1/jobs/{job['id']}/refresh", headers=key("ops"))
        await expect(page.locator("[data-count=COMPLETED]")).to_have_text("1")
    await page.locator("#fresh").click()
    await shows(row(page, job), "COMPLETED")


async def test_a_job_that_waits_above_the_list_comes_in_as_it_is_by_then(at: Windows, here: Town) -> None:
    """Also where it matches no more."""
    await pause(here)
    first = await here.submit()
    page = await at.open("/?status=PENDING", name="ops")
    await is_live(page)
    await row(page, first).locator("input[name=pick]").check()
    job = await here.submit()
    await expect(page.locator("#fresh")).to_have_text("1 new job")
    await here.api.post(f"/v1/jobs/{job['id']}/cancel", headers=key("ops"))
    await expect(page.locator("[data-count=CANCELLED]")).to_have_text("1")
    await page.locator("#fresh").click()
    await shows(row(page, job), "CANCELLED")
    await expect(row(page, job).locator("[data-field=note]")).to_have_text("no longer matches")


async def settled_upstream(here: Town) -> dict[str, Any]:
    """A job that has ended there, which nobody has told us."""
    job = await here.until(await here.submit(), "QUEUED")
    await here.sandbox.get(f"/sandbox/jobs/{job['upstreamJobId']}/settled")
    return job


@asynccontextmanager
async def a_late_list(page: Page) -> AsyncIterator[None]:
    """One that is read before what happens here, and comes after it."""
    read, told = asyncio.Event(), asyncio.Event()

    async def late(route: Route) -> None:
        answer = await route.fetch()
        read.set()
        await told.wait()
        await route.fulfill(response=answer)

    await page.route("**/v1/jobs?*", late)
    async with page.expect_response("**/v1/jobs?*"):
        await page.evaluate("document.dispatchEvent(new Event('refresh-now'))")
        await read.wait()
        yield
        told.set()
    await page.wait_for_timeout(300)


async def test_a_picture_that_cannot_be_had_is_asked_for_once(at: Windows, here: Town) -> None:
    """However often its row changes; a frame stands for it."""
    job = await completed(here)
    page = await at.open("/sign-in")
    asked: list[str] = []

    async def gone(route: Route) -> None:
        asked.append(route.request.url)
        await route.fulfill(status=410)

    await page.context.route("**/images/**", gone)
    with at.watch.expecting("status of 410"):
        await sign_in(page, "ops")
        await expect(row(page, job).locator(".thumb.none")).to_be_visible()
        await is_live(page)
        async with page.expect_response(lambda answer: "/v1/jobs?" in answer.url) as listing:
            await page.keyboard.press("r")
        await (await listing.value).finished()
        await expect(row(page, job).locator(".thumb.none")).to_be_visible()
        await expect(row(page, job).locator("img")).to_have_count(0)
    assert len(asked) == 1


HOSTILE = "<img src=x onerror=alert(1)>\"'></script><script>alert(2)</script>{{ 7*7 }}"


async def test_what_others_write_is_text(at: Windows, here: Town) -> None:
    """Prompt, label and error, in rows made by the server and by the script, and on the job's page."""
    label = {"order": "<img src=x onerror=alert(3)>"}
    await pause(here)
    early = await here.submit(prompt=HOSTILE, labels=label)
    page = await at.open("/", name="ops")
    page.on("dialog", lambda dialog: pytest.fail(dialog.message))
    await is_live(page)
    late = await here.submit(prompt=HOSTILE, labels=label)
    for job in (early, late):
        await expect(row(page, job).locator("[data-field=open]")).to_have_text(HOSTILE)
        await expect(row(page, job).locator("[data-field=labels]")).to_have_text("order=<img src=x onerror=alert(3)>")
    await row(page, late).locator("[data-field=open]").click()
    await expect(page.locator("h1")).to_have_text(HOSTILE)
    assert await page.locator("img[onerror], img[src=x]").count() == 0
    await page.locator(".facts a.label").click()
    await expect(rows(page)).to_have_count(2)
    await expect(page.locator(".chips")).to_contain_text("<img src=x onerror=alert(3)>")


async def test_a_keyboard_is_enough(at: Windows, here: Town) -> None:
    """Help, rows, selection, search and the other pages."""
    await pause(here)
    jobs = [await here.submit(prompt=f"fox {n}") for n in range(3)]
    page = await at.open("/", name="ops")
    await is_live(page)
    await page.keyboard.press("?")
    await expect(page.locator("#shortcuts")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.locator("#shortcuts")).to_be_hidden()
    for pressed in "jjk":
        await page.keyboard.press(pressed)
    await page.keyboard.press("j")
    await page.keyboard.press("x")
    await expect(row(page, jobs[1]).locator("input[name=pick]")).to_be_checked()
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"**/jobs/{jobs[1]['id']}")
    await page.keyboard.press("/")
    await page.keyboard.type("gh?")
    await expect(page.locator("input[name=search]")).to_have_value("gh?")
    await page.keyboard.press("Escape")
    for letter, path in (("d", "/deliveries"), ("h", "/health"), ("a", "/audit"), ("j", "/")):
        await page.keyboard.press("g")
        await page.keyboard.press(letter)
        await page.wait_for_url(at.base_url + path)


async def test_a_key_right_after_a_dialog_is_for_the_page(at: Windows, here: Town) -> None:
    """Though Chromium leaves the focus in the closed dialog until it draws again."""
    await pause(here)
    job = await here.submit(prompt="a fox")
    page = await at.open("/", name="ops")
    await page.keyboard.press("?")
    await expect(page.locator("#shortcuts")).to_be_visible()
    await page.evaluate("""() => {
        document.getElementById("shortcuts").close();
        document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: "j", bubbles: true }));
    }""")
    await expect(row(page, job)).to_contain_class("current")


async def test_the_theme_is_chosen_and_kept(at: Windows) -> None:
    """Whatever the system's is."""
    page = await at.open("/", name="ops", color_scheme="light")
    background = "getComputedStyle(document.body).backgroundColor"
    light = await page.evaluate(background)
    await page.locator("#theme").click()
    dark = await page.evaluate(background)
    assert dark != light
    await page.goto("/health")
    assert await page.evaluate(background) == dark
    await page.keyboard.press("t")
    assert await page.evaluate(background) == light

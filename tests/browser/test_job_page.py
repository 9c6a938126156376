"""One job: what it is, what it became, and everything that happened to it."""

import asyncio
import re

import pytest
from playwright.async_api import Route, expect
from redis.asyncio import Redis

from tests.browser import ONE_LOOP
from tests.browser.scenes import busy_day, completed, pause, resume
from tests.browser.test_jobs_page import is_live, seen, shows, stayed, stays
from tests.browser.windows import Windows
from tests.door import signed
from tests.town import Town

pytestmark = ONE_LOOP


async def test_a_job_is_opened(at: Windows, here: Town) -> None:
    """Its images side by side, the mask's coverage, the facts, and a timeline that begins with the submission."""
    job = await completed(here, prompt="a red balloon", labels={"order": "8821"})
    page = await at.open("/", name="ops")
    await page.get_by_role("link", name="a red balloon").click()
    await expect(page).to_have_url(re.compile(f"/jobs/{job['id']}$"))
    images = page.locator("[data-part=images] .images img")
    await expect(images).to_have_count(4)
    for image in await images.all():
        await image.scroll_into_view_if_needed()
        await seen(image)
    await expect(page.locator(".coverage")).to_contain_text(f"{job['mask']['coverage'] * 100:.1f} %")
    await expect(page.locator("[data-part=facts]")).to_contain_text(job["upstreamJobId"])
    await expect(page.locator("[data-part=facts]")).to_contain_text("order=8821")
    steps = page.locator(".timeline > li")
    assert len(await here.outcomes(job)) == await steps.count()
    await expect(steps.first).to_contain_text("PENDING")
    await expect(steps.last).to_contain_text("COMPLETED")


async def test_an_image_opens_in_full(at: Windows, here: Town) -> None:
    """From our own address."""
    job = await completed(here)
    page = await at.open(f"/jobs/{job['id']}", name="ops")
    async with page.expect_response(lambda answer: answer.url.endswith(f"/v1/jobs/{job['id']}/images/2")) as loading:
        await page.locator(".images a").nth(1).click()
    assert (await loading.value).ok


@pytest.mark.parametrize("here", [{"sandbox": {"run_seconds": 6}}], indirect=True)
async def test_a_job_is_followed_to_its_end(at: Windows, here: Town) -> None:
    """The page shows the images when they are there, and was never loaded anew."""
    await pause(here)
    job = await here.submit(prompt="a fox")
    page = await at.open(f"/jobs/{job['id']}", name="ops")
    head = page.locator("[data-part=head]")
    await is_live(page)
    await stays(page)
    await shows(head, "PENDING")
    await resume(here)
    await shows(head, "PROCESSING")
    await shows(head, "COMPLETED")
    await seen(page.locator(".images img").first)
    await expect(page.locator(".timeline > li").last).to_contain_text("COMPLETED")
    await expect(page.locator("[data-action=cancel]")).to_have_count(0)
    assert await stayed(page)


async def test_what_happens_while_the_page_is_fetched_is_not_missed(at: Windows, here: Town) -> None:
    """What is on its way already may be older than what the stream has told: it is asked for once more."""
    await pause(here)
    job = await here.submit()
    page = await at.open(f"/jobs/{job['id']}", name="ops")
    await is_live(page)
    told = asyncio.Event()

    async def hold(route: Route) -> None:
        early = await route.fetch()
        await told.wait()
        await route.fulfill(response=early)

    await page.route(f"**/jobs/{job['id']}", hold, times=1)
    await resume(here)
    await expect(page.locator("[data-live=off]")).to_be_visible()  # the stream has ended with the job
    await page.evaluate("new Promise(done => setTimeout(done, 400))")  # events are gathered for 250 ms
    await shows(page.locator("[data-part=head]"), "PENDING")
    told.set()
    await shows(page.locator("[data-part=head]"), "COMPLETED")


@pytest.mark.parametrize("here", [{"mischief": {"webhook_dropped": 1}, "poll_after_seconds": 600}], indirect=True)
async def test_apiframe_is_asked_now(at: Windows, here: Town) -> None:
    """The webhook was lost; the lookup stands in the timeline, and who asked in the audit."""
    job = await here.until(await here.submit(), "QUEUED")
    await here.sandbox.get(f"/sandbox/jobs/{job['upstreamJobId']}/settled")
    page = await at.open(f"/jobs/{job['id']}", name="ops")
    await page.locator("[data-action=refresh]").click()
    await expect(page.locator(".toasts")).to_contain_text("COMPLETED")
    await shows(page.locator("[data-part=head]"), "COMPLETED")
    await expect(page.locator(".timeline > li").last).to_have_attribute("data-source", "poll")
    await expect(page.locator("[data-part=facts]")).to_contain_text("a lost webhook")
    await page.goto("/audit")
    await expect(page.locator("[data-part=audit] tbody tr").first).to_contain_text("job.refresh")


async def test_a_pending_job_is_cancelled_when_that_is_confirmed(at: Windows, here: Town) -> None:
    """And not before."""
    await pause(here)
    job = await here.submit()
    page = await at.open(f"/jobs/{job['id']}", name="ops")
    await page.locator("[data-action=cancel]").click()
    await page.locator("#ask").get_by_role("button", name="Back").click()
    assert (await here.get(job))["status"] == "PENDING"
    await page.locator("[data-action=cancel]").click()
    await page.locator("#ask button[value=confirm]").click()
    await shows(page.locator("[data-part=head]"), "CANCELLED")
    assert (await here.get(job))["status"] == "CANCELLED"


async def test_the_timeline_tells_what_each_delivery_came_to(at: Windows, here: Town) -> None:
    """A duplicate, a stale one and a conflict are not mistaken for what moved the job."""
    job = await completed(here)
    up, path = job["upstreamJobId"], f"/webhooks/apiframe/{job['id']}"
    progress = {"event": "progress", "jobId": up, "status": "PROCESSING", "progress": 10}
    failed = {"event": "failed", "jobId": up, "status": "FAILED", "error": "<b>no</b>"}
    for document in (progress, failed, failed):
        await here.api.post(path, **signed(document))
    page = await at.open(f"/jobs/{job['id']}", name="ops")
    for outcome in ("applied", "stale", "conflict", "duplicate"):
        await expect(page.locator(f".timeline > li[data-source=webhook][data-outcome={outcome}]").first).to_be_visible()


async def test_lineage_is_followed_both_ways(at: Windows, here: Town, redis: Redis) -> None:
    """From the first job to what was made of it, and back."""
    first = await busy_day(here, redis)
    page = await at.open(f"/jobs/{first['id']}", name="ops")
    await page.locator("[data-part=lineage] a.relative").first.click()
    await page.locator("[data-part=lineage] a.relative", has_text="striped").click()
    await expect(page.locator("h1")).to_have_text("the same balloon, striped")
    await expect(page.locator("[data-part=lineage] a.relative")).to_have_count(2)
    await page.locator("[data-part=lineage] a.relative", has_text="old town").click()
    await expect(page).to_have_url(re.compile(f"/jobs/{first['id']}$"))


async def test_a_job_that_is_not_there_is_said_plainly(at: Windows) -> None:
    """With a way back."""
    page = await at.open("/", name="ops")
    with at.watch.expecting("status of 404"):
        await page.goto("/jobs/0198f5a0-0000-7000-8000-000000000000")
        await expect(page.locator("h1")).to_be_visible()
    await page.get_by_role("link", name="To the jobs").click()
    await expect(page.locator("body")).to_have_attribute("data-page", "jobs")

"""What operators do: deliveries read again, submitting stopped, and the list of who did what."""

from playwright.async_api import expect
from redis.asyncio import Redis

from tests.browser import ONE_LOOP
from tests.browser.scenes import completed, pause, unread
from tests.browser.windows import Windows
from tests.door import key, signed
from tests.samples import upstream_id
from tests.town import Town

pytestmark = ONE_LOOP


async def test_a_quarantined_delivery_is_replayed(at: Windows, here: Town, redis: Redis) -> None:
    """It leaves the quarantine and comes to what it would have come to; the audit has it."""
    job = await completed(here)
    entry = await unread(redis, job)
    page = await at.open("/deliveries", name="ops")
    held = page.locator(f".held[data-entry='{entry}']")
    await expect(held).to_contain_text("unknown event")
    await held.locator("summary").click()
    await expect(held.locator("pre")).to_contain_text('"progress"')
    await held.locator("[data-action=replay]").click()
    await expect(page.locator(".toasts")).to_contain_text("Replayed: stale")
    await expect(held).to_have_count(0)
    assert ("progress", "stale") in await here.outcomes(job)
    await page.goto("/audit")
    await expect(page.locator("[data-part=audit] tbody tr").first).to_contain_text("quarantine.replay")


async def test_a_delivery_that_still_cannot_be_read_stays(at: Windows, here: Town) -> None:
    """The page says why; deleting it wants a second word."""
    await here.api.post("/webhooks/apiframe", **signed({"event": "<i>upscaled</i>", "jobId": upstream_id()}))
    page = await at.open("/deliveries", name="ops")
    held = page.locator(".held")
    with at.watch.expecting("status of 409"):
        await held.locator("[data-action=replay]").click()
        await expect(page.locator(".toasts")).to_contain_text("<i>upscaled</i>")
    await expect(held).to_have_count(1)
    await held.locator("[data-action=delete]").click()
    await page.locator("#ask button[value=confirm]").click()
    await expect(held).to_have_count(0)
    assert (await here.api.get("/v1/quarantine", headers=key("ops"))).json()["entries"] == []


async def test_what_was_refused_is_shown_apart_with_its_cause(at: Windows, here: Town) -> None:
    """From what was accepted; each can be looked at alone."""
    job = await completed(here)
    await here.api.post(f"/webhooks/apiframe/{job['id']}", json={"event": "completed"})
    page = await at.open("/deliveries", name="ops")
    refused, accepted = page.locator("[data-part=refused]"), page.locator("[data-part=accepted]")
    await expect(refused.locator("tr[data-delivery]")).to_have_count(1)
    await expect(accepted.locator("tr[data-delivery=applied]").first).to_be_visible()
    await accepted.locator("a.open").first.click()
    await expect(page.locator("body")).to_have_attribute("data-page", "job")


async def test_submitting_is_paused_with_a_reason_and_resumed(at: Windows, here: Town) -> None:
    """The reason is seen on the jobs page, too, and jobs wait for as long."""
    page = await at.open("/health", name="ops")
    await page.locator("[data-action=pause]").click()
    await page.locator("#ask button[value=confirm]").click()
    await expect(page.locator("#ask")).to_be_visible()
    await page.locator("#ask input[name=reason]").fill("credits are <low>")
    await page.locator("#ask button[value=confirm]").click()
    await expect(page.locator("#paused")).to_contain_text("by ops")
    await expect(page.locator("#paused")).to_contain_text("credits are <low>")
    job = await here.submit()
    other = await at.open("/", name="auditor")
    await expect(other.locator("[data-part=paused]")).to_contain_text("credits are <low>")
    assert (await here.get(job))["status"] == "PENDING"
    await page.locator("[data-action=resume]").click()
    await expect(page.locator("#paused")).to_have_count(0)
    assert (await here.end_of(job))["status"] == "COMPLETED"
    await page.goto("/audit")
    await expect(page.locator("[data-part=audit] tbody tr")).to_contain_text(
        ["queue.resume", "queue.pause", "session.sign-in"]
    )


async def test_health_warns_of_a_redis_that_forgets(at: Windows, here: Town, redis: Redis) -> None:
    """Of a policy other than noeviction, until it is mended; the page sees that by itself."""
    before = (await redis.config_get("maxmemory-policy"))["maxmemory-policy"]
    await redis.config_set("maxmemory-policy", "allkeys-lru")
    try:
        page = await at.open("/health", name="ops")
        await expect(page.locator("[data-part=redis]")).to_contain_text("Warning: maxmemory-policy is allkeys-lru")
    finally:
        await redis.config_set("maxmemory-policy", before)
    await expect(page.locator("[data-part=redis]")).not_to_contain_text("allkeys-lru")


async def test_the_audit_is_filtered(at: Windows, here: Town) -> None:
    """By who and by what."""
    await pause(here)
    page = await at.open("/audit", name="ops")
    await page.locator("select[name=action]").select_option("queue.pause")
    await page.locator("form.filter button").click()
    await expect(page.locator("[data-part=audit] tbody tr")).to_have_count(1)
    await expect(page.locator("[data-part=audit] tbody tr")).to_contain_text("the designers are asleep")

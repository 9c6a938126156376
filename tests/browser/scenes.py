"""What somebody finds who opens a page: jobs that wait, that are done, that failed; deliveries nobody could read."""

import base64
from datetime import timedelta
from typing import Any

from redis.asyncio import Redis

from tests.door import UPSTREAM_KEY, key, mask_png, signed
from tests.samples import upstream_id
from tests.town import Town
from tracker.apiframe.signature import Verifier
from tracker.clock import utc_now
from tracker.store.quarantine import Quarantine

Answer = dict[str, Any]
SIZE = 256
"""Of the pictures that people look at; those of other tests are smaller, and quicker to paint."""


async def pause(here: Town, reason: str = "the designers are asleep") -> None:
    """From now on what is submitted waits."""
    (await here.api.post("/v1/queue/pause", json={"reason": reason}, headers=key("ops"))).raise_for_status()


async def resume(here: Town) -> None:
    (await here.api.post("/v1/queue/resume", headers=key("ops"))).raise_for_status()


async def completed(here: Town, **fields: Any) -> Answer:
    return await here.end_of(await here.submit(**fields))


async def unread(redis: Redis, job: Answer | None = None) -> str:
    """A delivery that an older reader could not read and today's can; returns its place in the quarantine."""
    up = job["upstreamJobId"] if job else upstream_id()
    word = {"event": "progress", "jobId": up, "status": "PROCESSING", "progress": 40}
    delivery = signed(word)
    genuine = Verifier([UPSTREAM_KEY]).verify(delivery["content"], delivery["headers"]["X-Webhook-Signature"])
    return await Quarantine(redis, timedelta(days=30)).keep(
        genuine, job["id"] if job else None, "unknown event 'progress'", utc_now()
    )


async def busy_day(here: Town, redis: Redis) -> Answer:
    """Something of everything. Returns a job that is done, whose result another was made from."""
    large = {"parentJobId": await seeded(here, SIZE), "mask": base64.b64encode(mask_png(SIZE)).decode()}
    parent = await completed(here, prompt="a red hot air balloon over the old town", labels={"order": "8821"}, **large)
    for word in ("a paper boat on the lake", "northern lights", "a stork's nest on the chimney"):
        await completed(here, prompt=word, labels={"order": "8820"})
    await here.mischief(job_failed=1, times=1)
    await completed(here, prompt="a lighthouse at dusk", labels={"order": "8822", "customer": "harbour"})
    await here.mischief()
    child = {**large, "parentJobId": await _upsampled(here, parent), "labels": {"order": "8821", "round": "2"}}
    await completed(here, prompt="the same balloon, striped", **child)
    await here.mischief(job_stalled=1)
    for word in ("a brass telescope on the windowsill", "rain on the harbour"):
        await here.until(await here.submit(prompt=word, labels={"order": "8829"}), "PROCESSING")
    await here.mischief()
    await pause(here)
    for word in ("a fox in the snow", "a table laid for two, with candles, in the style of an old Dutch master"):
        await here.submit(prompt=word, labels={"order": "8830"})
    unwanted = await here.submit()
    (await here.api.post(f"/v1/jobs/{unwanted['id']}/cancel", headers=key("ops"))).raise_for_status()
    await unread(redis)
    await here.api.post("/webhooks/apiframe", json={"event": "completed"})
    await here.api.post(f"/webhooks/apiframe/{parent['id']}", **signed({"event": "upscaled", "jobId": upstream_id()}))
    await painted(here, parent)
    return parent


async def painted(here: Town, shown: Answer) -> None:
    """Waits for all pictures: the stand-in paints one when it is asked for, which on a busy machine takes a while."""
    jobs = (await here.api.get("/v1/jobs?status=COMPLETED", headers=key("editor"))).json()["jobs"]
    names = [(job, "grid" if job["result"]["gridUrl"] else "1") for job in jobs]
    for job, name in [*names, *((shown, str(number)) for number in range(1, 5))]:
        path = f"/v1/jobs/{job['id']}/images/{name}"
        while (await here.api.get(path, headers=key("editor"), timeout=60)).status_code == 503:
            pass


async def seeded(here: Town, size: int) -> str:
    """A finished upsample at Apiframe."""
    answer = await here.sandbox.post("/sandbox/jobs", json={"width": size, "height": size})
    return str(answer.json()["jobId"])


async def _upsampled(here: Town, job: Answer) -> str:
    """Its first image, upsampled by its owner at Apiframe and tracked by us: what an inpaint can begin with."""
    request = {"action": "upsample", "index": 1, "parentJobId": job["upstreamJobId"]}
    answer = await here.sandbox.post("/v2/images/midjourney/action", json=request, headers={"X-API-Key": UPSTREAM_KEY})
    up = str(answer.json()["jobId"])
    await here.sandbox.get(f"/sandbox/jobs/{up}/settled")
    tracked = await here.api.post("/v1/jobs/track", json={"upstreamJobId": up}, headers=key("editor"))
    await here.end_of(tracked.json())
    return up

"""A job's life: queued, processing step by step, ended; and what is left of it a day later."""

import asyncio

from tests.sandbox.actors import Caller, Clock, Inbox
from tests.sandbox.conftest import Open

ALL = ["progress", "completed", "failed"]


async def test_a_completed_grid_has_four_images_and_a_grid_url(apiframe: Caller) -> None:
    """On the sandbox's own address."""
    job = await apiframe.settled(await apiframe.generate())
    stem = f"{apiframe.http.base_url}/images/{job['id']}"
    assert (job["status"], job["progress"], job["error"]) == ("COMPLETED", 100, None)
    assert job["result"] == {
        "images": [f"{stem}-{n}.png" for n in (1, 2, 3, 4)],
        "gridUrl": f"{stem}-grid.png",
    }


async def test_a_completed_upsample_has_one_image_and_no_grid_url(apiframe: Caller) -> None:
    """The field is absent, not null."""
    grid = await apiframe.settled(await apiframe.generate())
    accepted = await apiframe.submit({"action": "upsample", "index": 3, "parentJobId": grid["id"]})
    job = await apiframe.settled(accepted)
    assert job["result"] == {"images": [f"{apiframe.http.base_url}/images/{job['id']}-1.png"]}


async def test_result_urls_follow_a_public_url(opened: Open) -> None:
    """For a sandbox behind a proxy."""
    async with opened(public_url="https://cdn.example.com/box/") as apiframe:
        job = await apiframe.settled(await apiframe.generate())
        assert job["result"]["gridUrl"].startswith("https://cdn.example.com/box/images/")


async def test_a_failed_job_has_progress_zero_and_no_cost(apiframe: Caller) -> None:
    """As the docs page of `GET /v2/jobs/{id}` shows it."""
    await apiframe.mischief(job_failed=1, failure="No available capacity — please retry shortly")
    job = await apiframe.settled(await apiframe.generate())
    assert (job["status"], job["progress"], job["creditCost"]) == ("FAILED", 0, 0)
    assert job["error"] == "No available capacity — please retry shortly"
    assert job["completedAt"] is not None


async def test_progress_moves_in_steps(opened: Open, inbox: Inbox) -> None:
    """Each step is one event; the end is another one."""
    async with opened(progress_step=30) as apiframe:
        await apiframe.settled(await apiframe.generate(webhookUrl=inbox.url, webhookEvents=ALL))
    assert inbox.events == ["progress 30", "progress 60", "progress 90", "completed"]


async def test_only_so_many_jobs_run_at_once(opened: Open, inbox: Inbox) -> None:
    """The second one stays QUEUED until the first one has ended."""
    async with opened(max_concurrent_jobs=1, run_seconds=0.4, progress_step=50) as apiframe:
        first = await apiframe.generate(webhookUrl=inbox.url, webhookEvents=ALL)
        second = await apiframe.generate()
        await inbox.wait(1)
        statuses = [(await apiframe.job(answer.json()["jobId"])).json()["status"] for answer in (first, second)]
        assert statuses == ["PROCESSING", "QUEUED"]
        ends = await asyncio.gather(apiframe.settled(first), apiframe.settled(second))
        assert [job["status"] for job in ends] == ["COMPLETED", "COMPLETED"]


async def test_a_running_job_does_not_hold_up_the_stop(opened: Open) -> None:
    """Its task ends with the sandbox."""
    async with opened(run_seconds=3600) as apiframe:
        await apiframe.generate()
    async with opened(queue_seconds=3600) as apiframe:
        await apiframe.generate()


async def test_files_expire_after_the_retention(apiframe: Caller, clock: Clock) -> None:
    """The job says so, the URL stays in it, the file is a 404."""
    job = await apiframe.settled(await apiframe.generate())
    clock.turn(seconds=86_399)
    assert (await apiframe.job(job["id"])).json()["expired"] is False
    clock.turn(seconds=1)
    late = (await apiframe.job(job["id"])).json()
    assert (late["expired"], late["result"]) == (True, job["result"])
    assert (await apiframe.http.get(job["result"]["gridUrl"])).status_code == 404


async def test_backstage_every_job_is_listed_with_its_input_and_its_end(apiframe: Caller, clock: Clock) -> None:
    """In the order of their coming, the silently cancelled too, of which upstream itself tells no time."""
    first = await apiframe.settled(await apiframe.generate("a lake"))
    clock.turn(seconds=5)
    await apiframe.mischief(job_cancelled=1)
    await apiframe.settled(await apiframe.generate("a hill"))
    await apiframe.mischief(job_stalled=1)
    await apiframe.settled(await apiframe.generate("a road"))
    jobs = (await apiframe.http.get("/sandbox/jobs")).json()["jobs"]
    assert [(job["input"]["prompt"], job["status"], job["endedAt"]) for job in jobs] == [
        ("a lake", "COMPLETED", first["completedAt"]),
        ("a hill", "CANCELLED", "2026-03-15T10:00:05.000Z"),
        ("a road", "PROCESSING", None),
    ]

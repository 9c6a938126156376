"""A job's page: facts, images, where it comes from and leads to, and everything that happened, with what it changed."""

import httpx
import pytest

from service.dashboard.job import ENTRIES, RELATIVES
from tests.samples import PARENT, SILENCE, START, Sample, delivered, looked_up, moments, pending_job, upstream_id
from tests.service.dashboard.visiting import Element, Page, get
from tracker.clock import utc_now
from tracker.events import Accepted
from tracker.job import Job, Source, Status
from tracker.store.jobs import JobStore
from tracker.transitions import State


def steps(page: Page) -> list[str]:
    """Of the timeline, each as one line."""
    return [" ".join(item.text.split()) for item in page.all("li", data_source="*")]


def links(page: Page, title: str) -> list[str]:
    """Of the list beneath a heading."""
    headings = [at for at, one in enumerate(page.elements) if one.tag == "h3"]
    begin = next(at for at in headings if page.elements[at].text == title)
    end = next((at for at in headings if at > begin), len(page.elements))
    return [one.attributes["href"] for one in page.elements[begin:end] if one.attributes.get("class") == "relative"]


async def test_a_completed_job_has_its_facts_and_images(ops: httpx.AsyncClient, store: JobStore) -> None:
    """Side by side, through us; and how much its mask covered."""
    sample = Sample(store)
    sample.clock = moments(utc_now())
    sample.job = pending_job(next(sample.clock))
    await sample.in_state(State.COMPLETED)
    page = await get(ops, f"/jobs/{sample.job.id}")
    assert page.one("body").attributes["data-page"] == "job"
    assert page.all(data_field="status")[0].text == "COMPLETED"
    assert page.one("progress", data_field="progress").attributes["value"] == "100"
    sources = [image.attributes["src"] for image in page.all("img", loading="lazy")]
    assert sources == [f"/v1/jobs/{sample.job.id}/images/{n}?width=512" for n in range(1, 5)]
    assert page.one("meter").attributes["value"] == "0.184"
    assert "18.4 %" in page.one("label", **{"for": "coverage"}).text
    for text in (sample.job.id, sample.up, "editor", "order=8821", "a red balloon", "webhook", "16"):
        assert text in page.text()


async def test_the_timeline_tells_what_each_piece_of_news_changed(ops: httpx.AsyncClient, sample: Sample) -> None:
    """Submission, deliveries of every outcome and polls, from before to after."""
    await sample.in_state(State.PROCESSING)
    for event in (
        delivered(sample.up, Status.PROCESSING, progress=70),
        delivered(sample.up, Status.PROCESSING, progress=70),
        delivered(sample.up, Status.PROCESSING, progress=20),
        delivered(sample.up, Status.COMPLETED),
        delivered(sample.up, Status.FAILED),
        looked_up(sample.up, Status.COMPLETED),
    ):
        await sample.apply(event)
    told = steps(await get(ops, f"/jobs/{sample.job.id}"))
    wanted = [
        ("api", "created", "applied", "PENDING"),
        ("worker", "accepted", "applied", "PENDING →to QUEUED"),
        ("webhook", "progress", "applied", "QUEUED →to PROCESSING 0 % →to 40 %"),
        ("webhook", "progress", "applied", "40 % →to 70 %"),
        ("webhook", "progress", "duplicate", "moved nothing"),
        ("webhook", "progress", "stale", "moved nothing"),
        ("webhook", "completed", "applied", "PROCESSING →to COMPLETED 70 % →to 100 %"),
        ("webhook", "failed", "conflict", "moved nothing"),
        ("poll", "found completed", "noted", "moved nothing"),
    ]
    assert len(told) == len(wanted)
    for line, parts in zip(told, wanted, strict=True):
        assert all(part in line for part in parts), (line, parts)
    assert "content policy violation" in told[7]


async def test_a_long_timeline_comes_in_parts(ops: httpx.AsyncClient, sample: Sample) -> None:
    """The last first, with a way to the earlier ones; and it says where some were not kept."""
    await sample.in_state(State.QUEUED)
    for progress in range(1, 81):
        await sample.apply(delivered(sample.up, Status.PROCESSING, progress=progress))
    page = await get(ops, f"/jobs/{sample.job.id}")
    told = steps(page)
    assert len(told) == ENTRIES
    assert "79 % →to 80 %" in told[-1]
    assert "12 % →to 13 %" in told[0]
    assert "18 entries in between were not kept" in page.text()
    [earlier] = [one for one in page.all("a") if one.text == "Earlier entries"]
    before = await get(ops, earlier.attributes["href"])
    assert [len(steps(before)), "11 % →to 12 %" in steps(before)[-1]] == [14, True]
    assert [one.attributes["href"] for one in before.all("a") if one.text == "Latest entries"] == [
        f"/jobs/{sample.job.id}"
    ]


@pytest.mark.parametrize("before", ["x", "-1", "1" * 20, "\N{ARABIC-INDIC DIGIT ONE}"])
async def test_a_part_that_cannot_be_is_refused(ops: httpx.AsyncClient, sample: Sample, before: str) -> None:
    """By name."""
    await sample.in_state(State.QUEUED)
    assert "before" in (await get(ops, f"/jobs/{sample.job.id}?before={before}", 422)).one("main").text


async def completed(store: JobStore, parent_id: str, credit_cost: int = 16) -> Job:
    """A job made from `parent_id`, with its upstream id and cost."""
    job, up = pending_job(utc_now(), parent_job_id=parent_id), upstream_id()
    await store.create(job, b"PNG")
    await store.work.claim(utc_now(), lease=SILENCE, max_in_flight=50, webhooks=None)
    for event in (Accepted(up, Status.QUEUED), delivered(up, Status.COMPLETED, credit_cost=credit_cost)):
        await store.apply(event, utc_now(), job_id=job.id, silence=SILENCE)
    stored = await store.get(job.id)
    assert stored is not None
    assert stored.job.status is Status.COMPLETED
    return stored.job


async def test_lineage_goes_both_ways_with_the_credits_along_it(ops: httpx.AsyncClient, store: JobStore) -> None:
    """Parents by upstream's id, what was made from it, and what was made from the same."""
    root = await completed(store, PARENT, 10)
    middle = await completed(store, str(root.upstream_job_id), 16)
    sibling = await completed(store, str(root.upstream_job_id), 5)
    child = await completed(store, str(middle.upstream_job_id), 7)
    page = await get(ops, f"/jobs/{middle.id}")
    assert links(page, "Made from") == [f"/jobs/{root.id}"]
    assert links(page, "Made from this") == [f"/jobs/{child.id}"]
    assert links(page, "Made from the same") == [f"/jobs/{sibling.id}"]
    sources = [image.attributes["src"] for image in page.all("img", width="256")]
    assert sources[:2] == [f"/v1/jobs/{one}/images/1?width=512" for one in (root.id, middle.id)]
    assert "33 credits along it" in page.one(id="lineage-title").text
    oldest = await get(ops, f"/jobs/{root.id}")
    assert PARENT in oldest.text()
    assert links(await get(ops, f"/jobs/{child.id}"), "Made from") == [f"/jobs/{middle.id}", f"/jobs/{root.id}"]


async def test_a_line_that_leads_back_to_itself_ends(ops: httpx.AsyncClient, store: JobStore) -> None:
    """Whatever upstream may tell: here a job is its own parent."""
    up = upstream_id()
    job = pending_job(utc_now(), parent_job_id=up)
    await store.create(job, b"PNG")
    await store.work.claim(utc_now(), lease=SILENCE, max_in_flight=50, webhooks=None)
    await store.apply(Accepted(up, Status.QUEUED), utc_now(), job_id=job.id, silence=SILENCE)
    assert (await get(ops, f"/jobs/{job.id}")).name == "job"


async def test_a_crowd_of_children_is_cut_with_a_way_to_all(ops: httpx.AsyncClient, store: JobStore) -> None:
    """Which is the list, filtered."""
    parent = await completed(store, PARENT)
    for _ in range(RELATIVES + 1):
        await store.create(pending_job(utc_now(), parent_job_id=parent.upstream_job_id), b"PNG")
    page = await get(ops, f"/jobs/{parent.id}")
    assert len(links(page, "Made from this")) == RELATIVES
    assert page.all("a", href=f"/?parentJobId={parent.upstream_job_id}")


def buttons(page: Page) -> list[Element]:
    return page.all("button", data_action="*")


@pytest.mark.parametrize(
    ("state", "offered"),
    [(State.PENDING, ["cancel"]), (State.PROCESSING, ["refresh"]), (State.COMPLETED, ["refresh"])],
)
async def test_a_button_is_there_while_it_can_do_something(
    ops: httpx.AsyncClient, sample: Sample, state: State, offered: list[str]
) -> None:
    """Cancelling while it is pending, asking once Apiframe has it."""
    await sample.in_state(state)
    page = await get(ops, f"/jobs/{sample.job.id}")
    assert [button.attributes["data-action"] for button in buttons(page)] == offered
    assert {button.attributes["data-job"] for button in buttons(page)} == {sample.job.id}


@pytest.mark.parametrize(("state", "live"), [(State.PROCESSING, True), (State.COMPLETED, False)])
async def test_a_job_that_has_not_ended_is_followed(
    ops: httpx.AsyncClient, sample: Sample, state: State, live: bool
) -> None:
    """Over its stream; but not where earlier entries are read."""
    await sample.in_state(state)
    head = (await get(ops, f"/jobs/{sample.job.id}")).all(data_stream="*")[0].attributes["data-stream"]
    assert head == (f"/v1/jobs/{sample.job.id}/stream" if live else "")
    assert (await get(ops, f"/jobs/{sample.job.id}?before=2")).all(data_stream="*")[0].attributes["data-stream"] == ""


@pytest.mark.parametrize("state", [*State])
async def test_every_state_has_a_page(ops: httpx.AsyncClient, sample: Sample, state: State) -> None:
    """Also by Apiframe's id, where there is one."""
    await sample.in_state(state)
    job = await sample.now()
    page = await get(ops, f"/jobs/{job.upstream_job_id or job.id}")
    assert page.all(data_field="status")[0].text == job.status


async def test_a_stranger_of_which_little_is_known_has_a_page(ops: httpx.AsyncClient, store: JobStore) -> None:
    """No prompt, no parent, no mask."""
    up = upstream_id()
    applied = await store.apply(delivered(up, Status.PROCESSING), START, job_id=None, silence=SILENCE)
    page = await get(ops, f"/jobs/{applied.job_id}")
    assert "external" in page.text()
    assert not page.all("meter")


async def test_a_job_found_by_a_poll_says_that_its_webhook_was_lost(ops: httpx.AsyncClient, sample: Sample) -> None:
    """Where it tells how the end became known."""
    await sample.in_state(State.PROCESSING)
    await sample.apply(looked_up(sample.up, Status.COMPLETED))
    assert (await sample.now()).settled_by is Source.POLL
    assert "a lost webhook" in (await get(ops, f"/jobs/{sample.job.id}")).text()

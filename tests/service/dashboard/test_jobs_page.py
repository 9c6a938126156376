"""The jobs page: counts that are filters, addresses that can be shared, a search, and pages that do not jump."""

import httpx
import pytest

from tests.samples import PARENT, START, Sample, moments, pending_job
from tests.service.dashboard.visiting import Page, get
from tests.service.test_jobs import submitted
from tracker.clock import utc_now
from tracker.store.jobs import JobStore
from tracker.transitions import State


def ids(page: Page) -> list[str]:
    """Of the rows, without the blank one that the script copies."""
    return [row.attributes["data-job"] for row in page.all("tr", data_job="*")][:-1]


def chips(page: Page) -> list[str]:
    return [link.text.split(" \N{MULTIPLICATION SIGN}")[0] for link in page.all("a", title="Take this filter away")]


async def test_a_row_tells_a_job_at_a_glance(ops: httpx.AsyncClient, sample: Sample) -> None:
    """Status and progress where scripts and tests look for them; and all the rest."""
    sample.clock = moments(utc_now())
    sample.job = pending_job(next(sample.clock))
    await sample.in_state(State.COMPLETED)
    page = await get(ops, "/")
    row = page.all("tr", data_job=sample.job.id)[0]
    assert row.attributes["data-status"] == "COMPLETED"
    assert page.all(data_field="status")[0].text == "COMPLETED"
    progress = page.all("progress", data_field="progress")[0]
    assert (progress.attributes["value"], progress.attributes["max"]) == ("100", "100")
    for text in ("a red balloon", "editor", "order=8821", "16", "webhook"):
        assert text in row.text
    image = page.all("img", loading="lazy")[0].attributes
    assert image["src"] == f"/v1/jobs/{sample.job.id}/images/grid?width=96"
    assert image["alt"]


async def test_rows_are_newest_first_in_pages_that_do_not_jump(ops: httpx.AsyncClient) -> None:
    """What is submitted while somebody pages shifts nothing."""
    made = [(await submitted(ops))["id"] for _ in range(27)][::-1]
    first = await get(ops, "/")
    assert ids(first) == made[:25]
    await submitted(ops)
    older = await get(ops, first.one("a", rel="next").attributes["href"])
    assert ids(older) == made[25:]
    assert not older.all("a", rel="next")
    assert older.one("a", rel="first").attributes["href"] == "/"


async def test_counts_are_links_to_what_they_count(ops: httpx.AsyncClient, store: JobStore) -> None:
    """And, where chosen, away from it; other filters stay."""
    done = Sample(store)
    await done.in_state(State.FAILED)
    pending = (await submitted(ops))["id"]
    page = await get(ops, "/?owner=editor")
    counts = {one.attributes["data-count"]: one.text for one in page.all("b", data_count="*")}
    assert (counts["all"], counts["PENDING"], counts["FAILED"], counts["COMPLETED"]) == ("2", "1", "1", "0")
    link = page.one("a", data_status_filter="FAILED").attributes
    assert (link["href"], "aria-current" in link) == ("/?owner=editor&status=FAILED", False)
    failed = await get(ops, link["href"])
    assert ids(failed) == [done.job.id]
    chosen = failed.one("a", data_status_filter="FAILED").attributes
    assert (chosen["href"], chosen["aria-current"]) == ("/?owner=editor", "true")
    assert ids(await get(ops, "/?status=PENDING&status=QUEUED")) == [pending]


@pytest.mark.parametrize(
    ("query", "matches"),
    [
        ("owner=editor", True), ("owner=shop", False), (f"parentJobId={PARENT}", True), ("label.order=8821", True),
        ("label.order=1", False), ("createdAfter=2026-03-15T09:59", True), ("createdAfter=2026-03-15T10:01", False),
        ("createdBefore=2026-03-15T10:01", True), ("status=PENDING&owner=editor&label.order=8821", True),
    ],
)  # fmt: skip
async def test_filters_live_in_the_address(ops: httpx.AsyncClient, store: JobStore, query: str, matches: bool) -> None:
    """The same as the API's, and the stream's, but for the status: a row that leaves it must be seen to."""
    job = pending_job(START)
    await store.create(job, b"PNG")
    page = await get(ops, f"/?{query}")
    assert ids(page) == ([job.id] if matches else [])
    stream = httpx.URL(page.one("table", id="jobs").attributes["data-stream"])
    wanted = {name: value for name, value in httpx.QueryParams(query).items() if name != "status"}
    assert (stream.path, dict(stream.params)) == ("/v1/stream", wanted)
    assert len(chips(page)) == len(wanted)


async def test_a_chip_takes_its_filter_away(ops: httpx.AsyncClient) -> None:
    """And no other."""
    page = await get(ops, "/?owner=shop&label.order=1&status=FAILED")
    assert chips(page) == ["owner: shop", "order: 1"]
    links = [link.attributes["href"] for link in page.all("a", title="Take this filter away")]
    assert links == ["/?label.order=1&status=FAILED", "/?owner=shop&status=FAILED"]


@pytest.mark.parametrize(
    ("sent", "clean"),
    [
        ("owner=&label=&parentJobId=&createdAfter=&createdBefore=", "/"),
        ("owner=shop&label=order%3D8821&parentJobId=", "/?owner=shop&label.order=8821"),
        ("status=FAILED&owner=+editor+", "/?status=FAILED&owner=editor"),
        ("search=", "/"),
    ],
)
async def test_what_the_form_sends_becomes_an_address_to_share(ops: httpx.AsyncClient, sent: str, clean: str) -> None:
    """Without fields that are empty, and with the label under its name."""
    answer = await ops.get(f"/?{sent}")
    assert (answer.status_code, answer.headers["location"]) == (303, clean)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("status=DONE", "status"), ("parentJobId=1", "parentJobId"), ("label=order", "label"), ("label.=x", "label."),
        ("createdAfter=soon", "createdAfter"), ("limit=0", "limit"), ("cursor=x", "cursor"), ("colour=red", "colour"),
    ],
)  # fmt: skip
async def test_a_filter_that_cannot_be_is_told_on_the_page(ops: httpx.AsyncClient, query: str, field: str) -> None:
    """By its name, and nothing is listed or followed as if it had not been there."""
    await submitted(ops)
    page = await get(ops, f"/?{query}", 422)
    assert field in page.one("div", role="alert").text
    assert ids(page) == []
    assert page.one("table", id="jobs").attributes["data-matching"] == "no"


async def test_a_search_by_id_leads_to_the_job(ops: httpx.AsyncClient, sample: Sample) -> None:
    """Ours or Apiframe's, in any case and with blanks around it."""
    await sample.in_state(State.QUEUED)
    for sought in (sample.job.id, sample.up, sample.job.id.upper(), f"  {sample.up} "):
        answer = await ops.get("/", params={"search": sought})
        assert (answer.status_code, answer.headers["location"]) == (303, f"/jobs/{sample.job.id}")


async def test_a_search_by_label_becomes_a_filter(ops: httpx.AsyncClient) -> None:
    """With whatever stands in it."""
    answer = await ops.get("/", params={"search": "order = a&b"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/?label.order=a%26b")


@pytest.mark.parametrize(
    ("sought", "said"),
    [
        ("balloon", "name=value"), ("01a20a29-6498-7000-893e-33d42b16a795", "No job has the id"),
        ("=x", "No job can have this label"), ("a=" + "x" * 64, "No job can have this label"),
    ],
)  # fmt: skip
async def test_a_search_for_anything_else_says_what_can_be_searched(
    ops: httpx.AsyncClient, sought: str, said: str
) -> None:
    """And keeps what was typed."""
    page = await get(ops, str(httpx.URL("/", params={"search": sought})))
    assert said in page.one("p", role="alert").text
    assert page.one("input", name="search").attributes["value"] == sought


async def test_a_result_that_is_over_shows_no_picture(ops: httpx.AsyncClient, sample: Sample) -> None:
    """Apiframe has deleted it: the sample's day was long ago."""
    await sample.in_state(State.COMPLETED)
    stored = await sample.store.get(sample.job.id)
    assert stored is not None
    assert stored.job.result_expires_at is not None
    page = await get(ops, "/")
    assert "over" in page.all("tr", data_job=sample.job.id)[0].text
    assert not page.all("img", loading="lazy")


async def test_the_row_for_scripts_is_in_a_template(ops: httpx.AsyncClient) -> None:
    """It has every field that a row has, and is shown to nobody."""
    await submitted(ops)
    page = await get(ops, "/")
    fields = [one.attributes["data-field"] for one in page.all(data_field="*")]
    half = len(fields) // 2
    assert fields[:half] == fields[half:]
    assert page.one("template", id="row")

"""What is written of a job and its history is what is read again."""

import pytest

from tests.samples import PARENT, Sample, delivered, pending_job
from tracker.events import Missing
from tracker.job import Outcome, Result, Source, Status
from tracker.store.history import WORDS
from tracker.store.wire import as_bytes, pack, read_record, record_of, unpack
from tracker.transitions import Kind, State

HOST = "https://cdn2.apiframe.ai/images/"
RESULTS = [
    Result(),
    Result(images=(f"{HOST}1.png",)),
    Result(images=(f"{HOST}1.png", f"{HOST}2.png"), grid_url=f"{HOST}grid.png"),
    Result(images=("http://a/1", "https://b/2"), grid_url=None),
    Result(grid_url=f"{HOST}grid.png"),
    Result(images=(f"{HOST}same", f"{HOST}same"), grid_url=f"{HOST}same"),
    Result(images=(f"{HOST}ü.png", f"{HOST}ö.png")),
]


@pytest.mark.parametrize("result", RESULTS)
async def test_a_result_is_read_as_it_came(sample: Sample, result: Result) -> None:
    """Though what its addresses begin with is written once."""
    await sample.in_state(State.PROCESSING)
    await sample.apply(delivered(sample.up, Status.PROCESSING, progress=50))
    news = delivered(sample.up, Status.COMPLETED, result=result if result != Result() else None)
    await sample.apply(news)
    assert (await sample.now()).result == (result if result != Result() else None)


def test_a_new_job_is_read_as_it_was() -> None:
    """Odd texts included."""
    job = pending_job(prompt="a red balloon\n\x00 \U0001f388", labels={"ü": "\u2028"}, owner="e")
    stored = read_record(job.id, record_of(job))
    assert stored is not None
    assert stored.job == job


def test_bytes_that_are_no_text_come_back() -> None:
    """Fingerprints lie among texts."""
    odd = bytes(range(256))
    assert as_bytes(unpack(pack({"seen": odd}))["seen"]) == odd


def test_every_word_of_a_history_has_a_number() -> None:
    """For good: the places of those that are in somebody's Redis are fixed."""
    assert {*Source, *Kind, *Status, *Outcome} <= set(WORDS)
    assert len(WORDS) == len(set(WORDS)) <= 128
    assert WORDS[:4] == ("api", "worker", "webhook", "poll")


@pytest.mark.parametrize(
    ("progress", "shown"), [(60, {"progress": 60}), (10, {"progress": 10}), (0, {"progress": 0}), (None, None)]
)
async def test_a_line_shows_the_progress_that_was_told(sample: Sample, progress: int | None, shown: object) -> None:
    """Also where it is the job's own, and takes no room."""
    await sample.in_state(State.PROCESSING)
    await sample.apply(delivered(sample.up, Status.PROCESSING, progress=progress))
    last = (await sample.store.history(sample.job.id))[-1]
    assert (last.detail, last.progress) == (shown, 60 if progress == 60 else 40)


async def test_a_line_shows_what_else_was_told(sample: Sample) -> None:
    """Of news with progress and without."""
    await sample.in_state(State.PROCESSING)
    await sample.apply(delivered(sample.up, Status.PROCESSING, progress=60, rest={"n": 1}))
    await sample.apply(Missing(1, lost=False))
    told = [line.detail for line in await sample.store.history(sample.job.id)]
    assert told[-2:] == [{"progress": 60, "n": 1}, {"times": 1}]
    assert (await sample.now()).parent_job_id == PARENT

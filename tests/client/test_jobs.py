"""What a caller does with jobs, through both shells."""

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from inpaint_tracker_client import Conflict, JobFailed, MaskSource, NotFound
from PIL import Image

from tests.client.conftest import Connect
from tests.town import Town


@pytest.mark.parametrize(
    "form",
    [
        lambda path: path,
        str,
        Path.read_bytes,
        lambda path: bytearray(path.read_bytes()),
        lambda path: io.BytesIO(path.read_bytes()),
        lambda path: Image.open(io.BytesIO(path.read_bytes())),
    ],
    ids=["path", "str", "bytes", "bytearray", "file", "image"],
)
async def test_a_mask_is_taken_in_every_form(
    idle: Town, connect: Connect, tmp_path: Path, mask: bytes, form: Callable[[Path], MaskSource]
) -> None:
    """And comes back as facts."""
    path = tmp_path / "mask.png"
    path.write_bytes(mask)
    async with connect(idle) as tracker:
        job = await tracker.submit(idle.parent_id, form(path), "a red balloon", {"order": "8821"})
    assert (job.status, job.owner, job.prompt, dict(job.labels)) == (
        "PENDING", "editor", "a red balloon", {"order": "8821"},
    )  # fmt: skip
    assert job.parent_job_id == idle.parent_id
    assert job.mask is not None
    assert (job.mask.width, job.mask.height) == (64, 64)
    assert 0 < job.mask.coverage < 1


async def test_a_job_is_followed_to_its_images(here: Town, connect: Connect, mask: bytes) -> None:
    """`on_change` sees each state once, in order, and the final one last."""
    async with connect(here) as tracker:
        job = await tracker.submit(here.parent_id, mask)
        seen: list[Any] = []
        final = await tracker.wait(job.id, timeout=60, on_change=seen.append)
    assert final.status == "COMPLETED"
    assert final.raise_for_failure() is final
    assert len(final.images) == 4
    assert seen[-1] == final
    assert all(one != other for one, other in pairwise(seen))
    assert [one.progress for one in seen] == sorted(one.progress for one in seen)
    assert final.completed_at is not None
    assert final.completed_at.utcoffset() == timedelta(0)


async def test_a_failure_is_a_job_until_it_is_asked_to_be_an_error(here: Town, connect: Connect, mask: bytes) -> None:
    """`wait` gives the job, `raise_for_failure` the error with its code."""
    await here.mischief(job_failed=1)
    async with connect(here) as tracker:
        job = await tracker.wait((await tracker.submit(here.parent_id, mask)).id, timeout=60)
    assert job.status == "FAILED"
    with pytest.raises(JobFailed, match="content policy") as caught:
        job.raise_for_failure()
    assert (caught.value.code, caught.value.job) == ("provider_failed", job)


async def test_one_idempotency_key_is_one_job(idle: Town, connect: Connect, mask: bytes) -> None:
    """And without one, two calls are two jobs."""
    async with connect(idle) as tracker:
        first = await tracker.submit(idle.parent_id, mask, idempotency_key="order-8821")
        assert (await tracker.submit(idle.parent_id, mask, idempotency_key="order-8821")).id == first.id
        with pytest.raises(Conflict) as caught:
            await tracker.submit(idle.parent_id, mask, "another prompt", idempotency_key="order-8821")
        assert caught.value.status == 409
        assert (await tracker.submit(idle.parent_id, mask)).id != first.id
        assert (await tracker.submit(idle.parent_id, mask)).id != first.id


async def test_a_job_is_got_by_either_id(here: Town, connect: Connect, mask: bytes) -> None:
    """Ours, or upstream's."""
    async with connect(here) as tracker:
        job = await tracker.wait((await tracker.submit(here.parent_id, mask)).id, timeout=60)
        assert job.upstream_job_id is not None
        assert await tracker.get(job.id) == job == await tracker.get(job.upstream_job_id)


async def test_a_job_of_others_is_not_there(idle: Town, connect: Connect, mask: bytes) -> None:
    """The problem's own words come along."""
    async with connect(idle) as editor, connect(idle, "shop") as shop:
        job = await editor.submit(idle.parent_id, mask)
        with pytest.raises(NotFound) as caught:
            await shop.get(job.id)
    assert caught.value.title == "Not found"
    assert "not yours to see" in caught.value.detail
    assert caught.value.type.endswith("not-found")
    assert caught.value.request_id


async def test_a_list_goes_over_all_its_pages(idle: Town, connect: Connect, mask: bytes) -> None:
    """Newest first, each once."""
    async with connect(idle) as tracker:
        ids = [(await tracker.submit(idle.parent_id, mask)).id for _ in range(5)]
        assert [job.id async for job in tracker.list(page_size=2)] == ids[::-1]
        assert [job.id async for job in tracker.list(status=["PENDING", "QUEUED"], page_size=5)] == ids[::-1]
        assert [job async for job in tracker.list(status="COMPLETED")] == []


@pytest.mark.parametrize("name", ["owner", "parent_job_id", "labels", "created_after", "created_before"])
async def test_a_list_takes_every_filter(idle: Town, connect: Connect, mask: bytes, name: str) -> None:
    """The right value finds the job, a wrong one does not."""
    later, earlier = datetime.now(UTC) + timedelta(hours=1), datetime.now(UTC) - timedelta(hours=1)
    right: dict[str, Any] = {
        "owner": "editor", "parent_job_id": idle.parent_id, "labels": {"order": "8 & 21"},
        "created_after": earlier, "created_before": later,
    }  # fmt: skip
    wrong: dict[str, Any] = {
        "owner": "shop", "parent_job_id": "0198c5a0-0000-7000-8000-000000000000", "labels": {"order": "8822"},
        "created_after": later, "created_before": earlier,
    }  # fmt: skip
    async with connect(idle) as tracker, connect(idle, "auditor") as auditor:
        job = await tracker.submit(idle.parent_id, mask, labels={"order": "8 & 21"})
        assert [found.id async for found in auditor.list(**{name: right[name]})] == [job.id]
        assert [found.id async for found in auditor.list(**{name: wrong[name]})] == []


async def test_all_filters_go_together(idle: Town, connect: Connect, mask: bytes) -> None:
    """And meet at one job."""
    async with connect(idle) as tracker:
        one = await tracker.submit(idle.parent_id, mask, labels={"order": "8821", "shop": "2"})
        await tracker.submit(idle.parent_id, mask, labels={"order": "8821"})
        found = tracker.list(
            "PENDING", "editor", idle.parent_id, {"order": "8821", "shop": "2"}, page_size=1,
            created_after=datetime.now(UTC) - timedelta(hours=1), created_before=datetime.now(UTC) + timedelta(hours=1),
        )  # fmt: skip
        assert [job.id async for job in found] == [one.id]


async def test_a_history_is_read_from_its_beginning(here: Town, connect: Connect, mask: bytes) -> None:
    """One event for each step."""
    async with connect(here) as tracker:
        job = await tracker.wait((await tracker.submit(here.parent_id, mask)).id, timeout=60)
        history = [event async for event in tracker.events(job.id)]
    assert [event.seq for event in history] == sorted(event.seq for event in history)
    assert (history[0].status, history[0].source) == ("PENDING", "api")
    assert "COMPLETED" in {event.status for event in history}


async def test_a_pending_job_can_be_cancelled(idle: Town, connect: Connect, mask: bytes) -> None:
    """It ends CANCELLED, which is a failure without a code."""
    async with connect(idle) as tracker:
        job = await tracker.submit(idle.parent_id, mask)
        cancelled = await tracker.cancel(job.id)
        assert (cancelled.id, cancelled.status, cancelled.is_final) == (job.id, "CANCELLED", True)
        assert await tracker.wait(job.id) == cancelled
    with pytest.raises(JobFailed, match="CANCELLED") as caught:
        cancelled.raise_for_failure()
    assert caught.value.code is None


async def test_a_job_that_is_over_cannot_be_cancelled(here: Town, connect: Connect, mask: bytes) -> None:
    """Conflict, and the job is as it was."""
    async with connect(here) as tracker:
        job = await tracker.wait((await tracker.submit(here.parent_id, mask)).id, timeout=60)
        with pytest.raises(Conflict):
            await tracker.cancel(job.id)
        assert await tracker.get(job.id) == job


async def test_a_job_of_upstream_can_be_taken_over(here: Town, connect: Connect) -> None:
    """As often as one likes."""
    async with connect(here) as tracker:
        job = await tracker.track(here.parent_id, {"from": "elsewhere"})
        assert (job.upstream_job_id, job.owner, dict(job.labels)) == (here.parent_id, "editor", {"from": "elsewhere"})
        assert (await tracker.track(here.parent_id, {"from": "elsewhere"})).id == job.id


async def test_an_operator_has_upstream_asked(here: Town, connect: Connect, mask: bytes) -> None:
    """The job comes back as it is after that."""
    async with connect(here) as tracker, connect(here, "ops") as operator:
        job = await tracker.wait((await tracker.submit(here.parent_id, mask)).id, timeout=60)
        assert (await operator.refresh(job.id)).status == "COMPLETED"

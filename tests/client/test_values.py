"""Models, masks and times, where no service is needed."""

import io
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from inpaint_tracker_client import Event, Job, Tracker
from inpaint_tracker_client.calls import filters, list_jobs
from inpaint_tracker_client.masks import read_mask
from PIL import Image
from pydantic import ValidationError

from tracker.ids import new_id
from tracker.job import Job as ServedJob


def test_a_job_has_every_field_that_is_served() -> None:
    """And reads what the service's own model writes."""
    assert set(Job.model_fields) == set(ServedJob.model_fields) | {"links"}
    now = datetime(2026, 3, 15, 10, 0, 32, 5000, tzinfo=UTC)
    served = ServedJob(id=new_id(now), owner="editor", created_at=now, updated_at=now)
    job = Job.model_validate_json(served.model_dump_json(by_alias=True))
    assert (job.id, job.created_at, job.links["self"]) == (served.id, now, f"/v1/jobs/{served.id}")


def test_a_newer_service_is_understood() -> None:
    """Unknown fields are ignored, unknown words kept, and an unknown end is an end."""
    job = Job.model_validate_json('{"id": "1", "status": "ARCHIVED", "settledBy": "stream", "new": {"a": 1}}')
    assert (job.status, job.settled_by, job.is_final) == ("ARCHIVED", "stream", False)
    assert job.model_copy(update={"completed_at": datetime.now(UTC)}).is_final
    event = Event.model_validate({"seq": 1, "type": "new", "at": "2026-03-15T10:00:32.000Z", "outcome": "unheard of"})
    assert event.outcome == "unheard of"


def test_a_job_does_not_change() -> None:
    """Nor its parts."""
    job = Job(id="1", status="PENDING")
    with pytest.raises(ValidationError, match="frozen"):
        job.status = "COMPLETED"  # type: ignore[misc]


def test_an_image_becomes_a_png() -> None:
    """Without loss."""
    image = Image.new("1", (8, 8), 1)
    assert Image.open(io.BytesIO(read_mask(image))).getextrema() == (255, 255)


@pytest.mark.parametrize("wrong", [None, 7, ["mask"], io.StringIO("text"), "data:image/png;base64,iVBO", "iVBO" * 2000])
def test_what_is_no_mask_is_refused_without_showing_it(wrong: object) -> None:
    """Base64 given as str would be a path, and its error would show the mask."""
    with pytest.raises(TypeError) as caught:
        read_mask(wrong)  # type: ignore[arg-type]
    assert "iVBO" not in str(caught.value)


def test_a_mask_opened_as_text_is_told_so(tmp_path: Path) -> None:
    """Before anything is decoded: an image is no UTF-8."""
    path = tmp_path / "mask.jpg"
    path.write_bytes(b"\xff\xd8\xff")
    with path.open() as file, pytest.raises(TypeError, match="must be opened in binary mode, 'rb'"):
        read_mask(file)  # type: ignore[arg-type]


def test_a_mask_that_is_not_there_is_an_oserror(tmp_path: Path) -> None:
    """As Python says it."""
    with pytest.raises(FileNotFoundError):
        read_mask(tmp_path / "mask.png")


def test_times_are_sent_in_utc() -> None:
    """One without a zone could mean anything."""
    noon = datetime(2026, 3, 15, 12, tzinfo=timezone(timedelta(hours=2)))
    sent = dict(list_jobs(filters(None, None, None, None, noon, None), 5).request.parameters)
    assert sent == {"limit": "5", "createdAfter": "2026-03-15T10:00:00.000Z"}
    with pytest.raises(ValueError, match="no time zone"), Tracker("http://tracker", "key") as tracker:
        tracker.list(created_after=datetime(2026, 3, 15))  # noqa: DTZ001  what is refused


@pytest.mark.parametrize("wrong", ["", "ключ", "a\nb", "x" * 256])
def test_an_idempotency_key_that_no_header_can_carry_is_refused(wrong: str) -> None:
    """Before anything is sent."""
    with pytest.raises(ValueError, match="idempotency_key"), Tracker("http://127.0.0.1:1", "key") as tracker:
        tracker.submit("c3d4", b"a mask", idempotency_key=wrong)

"""What joins all that is told of a job; https://www.w3.org/TR/trace-context/#traceparent-header."""

import pytest

from tests.samples import pending_job
from tracker.store.wire import read_record, record_of
from tracker.trail import NO_TRAIL, Trail, read_traceparent

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED = f"00-{TRACE}-{SPAN}-01"


@pytest.mark.parametrize(
    ("given", "read"),
    [
        (SAMPLED, SAMPLED),
        (f"00-{TRACE}-{SPAN}-00", f"00-{TRACE}-{SPAN}-00"),
        (f"00-{TRACE}-{SPAN}-03", SAMPLED),
        (f"00-{TRACE}-{SPAN}-02", f"00-{TRACE}-{SPAN}-00"),
        (f"01-{TRACE}-{SPAN}-01", SAMPLED),
        (f"cc-{TRACE}-{SPAN}-01-what-comes.later", SAMPLED),
    ],
)
def test_a_valid_traceparent_is_read_as_version_00(given: str, read: str) -> None:
    """Flags that it does not know are not passed on; later versions may have more."""
    assert read_traceparent([given]) == read


@pytest.mark.parametrize(
    "given",
    [
        "",
        "00",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-0g",
        f"00-{TRACE}-{SPAN}-001",
        f"00-{TRACE}-{SPAN}-01-",
        f"00-{TRACE}-{SPAN}-01-more",
        f"cc-{TRACE}-{SPAN}-01.more",
        f"cc-{TRACE}-{SPAN}-01-a b",
        f"ff-{TRACE}-{SPAN}-01",
        f"0-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00-{TRACE}0-{SPAN}-01",
        f"00_{TRACE}_{SPAN}_01",
        f" {SAMPLED}",
        f"{SAMPLED}\n",
        f"{SAMPLED},{SAMPLED}",
        f"00-{chr(0x660) * 32}-{SPAN}-01",
    ],
)
def test_a_traceparent_that_is_none_is_ignored(given: str) -> None:
    """Strictly to the letter."""
    assert read_traceparent([given]) == ""


def test_which_of_two_is_meant_is_not_guessed() -> None:
    """Nor is there one where none is given."""
    assert read_traceparent([SAMPLED, SAMPLED]) == read_traceparent([]) == ""


@pytest.mark.parametrize(
    ("trail", "names"),
    [
        (NO_TRAIL, {}),
        (Trail.of("order-1"), {"origin": "order-1"}),
        (Trail.of("order-1", SAMPLED), {"origin": "order-1", "trace_id": TRACE}),
        (Trail.of("", SAMPLED), {"trace_id": TRACE}),
    ],
)
def test_a_trail_is_kept_with_its_job(trail: Trail, names: dict[str, str]) -> None:
    """And costs nothing where there is none."""
    job = pending_job()
    stored = read_record(job.id, record_of(job, trail))
    assert stored is not None
    assert (stored.trail, stored.trail.names) == (trail, names)
    assert Trail.of(trail.request_id, trail.traceparent) == trail
    assert len(record_of(job, trail)) - len(record_of(job)) <= (len(trail.text) + 9 if trail.text else 0)

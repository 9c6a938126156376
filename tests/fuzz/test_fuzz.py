"""The short version of `make fuzz`: the same kinds of cases against the same processes."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.fuzz.place import standing
from tests.fuzz.run import Run

CASES = 1500


@pytest.mark.timeout(180)
def test_a_thousand_odd_requests_leave_a_service_that_is_well() -> None:
    """No 5xx, nothing unforeseen in a log, everything in Redis as it must be."""
    with (
        TemporaryDirectory(prefix="fuzz-") as folder,
        standing(Path(folder)) as target,
    ):  # the path of a socket is short
        run = Run(target, seed=1)
        run.fuzz(CASES)
        assert run.found + target.troubles() == []
        asyncio.run(target.require_order())
    assert run.done.total() >= CASES
    assert min(run.done.values()) > CASES / 10

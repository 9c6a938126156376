"""Ids that tell when they were made, and sort by it."""

import os
import subprocess
import sys
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracker.ids import as_uuid, first_id, made_at, new_id

NOW = datetime(2026, 3, 15, 10, 0, 0, 123_000, UTC)
moments = st.datetimes(datetime(1970, 1, 2), datetime(2400, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def test_an_id_is_a_uuid_of_version_7() -> None:
    """By the standard library's own reading."""
    made = uuid.UUID(new_id(NOW))
    assert (made.version, made.variant) == (7, uuid.RFC_4122)


@given(moments)
def test_an_id_tells_its_moment_to_the_millisecond(moment: datetime) -> None:
    """And lies not below the first id of that moment."""
    assert abs(made_at(new_id(moment)) - moment) <= timedelta(milliseconds=1)
    assert first_id(moment) <= new_id(moment) < first_id(moment + timedelta(milliseconds=2))


def test_ids_of_one_millisecond_keep_their_order() -> None:
    """Four thousand of them, so that jobs go out in the order in which they came."""
    ids = [new_id(NOW) for _ in range(4000)]
    assert ids == sorted(ids)
    assert len(set(ids)) == 4000


def test_only_the_usual_form_is_taken_for_a_uuid() -> None:
    """36 characters, any case."""
    made = new_id(NOW)
    assert as_uuid(made.upper()) == made
    for other in ("", "x", made.replace("-", ""), f"{{{made}}}", made[:-1] + "g", "é" * 36):
        assert as_uuid(other) is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_process_and_its_child_do_not_go_on_alike() -> None:
    """Random bytes are fetched many at once, and what is left of them is not inherited."""
    say = "os.write(1, f'{token()} '.encode())"
    code = f"import os; from tracker.ids import token; token(); child = os.fork(); {say}; child and os.wait()"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert len(set(told)) == 2

"""A job read from its record and written by the model, against its record spelled at once: the same bytes."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis

from tests.samples import START, Sample
from tracker.clock import from_ms, to_ms
from tracker.ids import new_id
from tracker.job import FailureCode, Source, Status, rfc3339
from tracker.store.jobs import JobStore
from tracker.store.keys import name
from tracker.store.spelling import moment, spell
from tracker.store.wire import pack, read_record, unpack
from tracker.transitions import State

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
milliseconds = st.integers(0, to_ms(START) * 2)
masks = st.tuples(st.binary(min_size=32, max_size=32), st.integers(8, 8192), st.integers(8, 8192),
                  st.floats(0, 1).map(lambda share: round(share, 6)))  # fmt: skip
results = st.tuples(texts, st.none() | texts).flatmap(
    lambda start: st.lists(texts, max_size=4).map(lambda rests: json.dumps([*start, *rests]))
)
failures = st.fixed_dictionaries({"code": st.sampled_from(FailureCode), "message": texts})
records = st.fixed_dictionaries(
    {"owner": texts, "status": st.sampled_from(Status).map(str), "updatedAt": milliseconds},
    optional={
        "upstreamJobId": texts, "action": texts, "progress": st.integers(0, 100), "parentJobId": texts,
        "prompt": texts, "creditCost": st.integers(0, 10**9), "settledBy": st.sampled_from(Source).map(str),
        "submittedAt": milliseconds, "startedAt": milliseconds, "completedAt": milliseconds,
        "resultExpiresAt": milliseconds, "labels": st.dictionaries(texts, texts, max_size=3).map(json.dumps),
        "mask": masks.map(pack), "result": results, "error": failures.map(json.dumps),
        "version": st.integers(1, 99), "history": texts, "webhooks": texts, "doubtful": st.just("1"),
    },
)  # fmt: skip


def written(job_id: str, record: bytes) -> bytes:
    stored = read_record(job_id, record)
    assert stored is not None
    return stored.job.model_dump_json(by_alias=True).encode()


@given(records)
def test_any_record_is_spelled_as_its_job_is_written(fields: dict[str, Any]) -> None:
    """Whatever is there and whatever is not, in any letters."""
    job_id, record = new_id(START), pack(fields)
    assert spell(job_id, unpack(record)) == written(job_id, record)


@pytest.mark.parametrize("state", State)
async def test_a_job_is_spelled_as_it_is_written_in_every_state(redis: Redis, store: JobStore, state: State) -> None:
    """As the script leaves its record."""
    job_id = (await Sample(store).in_state(state)).job.id
    record = await redis.get(name("job", job_id))
    assert spell(job_id, unpack(record)) == written(job_id, record)


@given(milliseconds)
def test_a_moment_is_spelled_as_a_datetime_is(at: int) -> None:
    """To the millisecond."""
    assert moment(at) == rfc3339(from_ms(at))


@pytest.mark.parametrize("broken", [{"status": None}, {"labels": "[1]"}, {"result": "{}"}, {"error": '"x"'}])
def test_what_cannot_be_read_is_not_spelled(broken: dict[str, Any]) -> None:
    """One of a newer version's, say."""
    fields = {"owner": "editor", "status": "PENDING", "updatedAt": 0, **broken}
    with pytest.raises((KeyError, TypeError, ValueError)):
        spell(new_id(START), {name: value for name, value in fields.items() if value is not None})

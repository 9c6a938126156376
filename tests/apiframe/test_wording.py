"""Progress in words that came before says of its own job what reading it would say."""

import json
from typing import Any

import pytest

from tests.apiframe.recorded import JOB_ID, PAYLOADS, delivery
from tracker.apiframe.reading import Unreadable, read_delivery, read_json, report_of
from tracker.apiframe.wording import WORDINGS_KNOWN, recall, remember
from tracker.events import Report

OTHER = "7f0c2a5e-4b1d-4c6e-9f3a-2b8d1e5c7a90"
WEBHOOKS = {row["name"]: row["body"] for row in PAYLOADS["webhooks"]}


def progress(job_id: str, **more: Any) -> bytes:
    document = {"event": "progress", "jobId": job_id, "status": "PROCESSING", "progress": 45} | more
    return json.dumps(document, separators=(",", ":")).encode()


def learn(body: bytes) -> None:
    document = read_json(body)
    remember(body, document, report_of(document, delivery(body).fingerprint))


def recalled(body: bytes) -> Report | None:
    known = recall(delivery(body))
    return known[1] if known else None


@pytest.mark.parametrize("percent", [0, 1, 45, 100, 45.5, -3, None, "41"])
def test_the_same_words_of_another_job_are_known(percent: Any) -> None:
    learn(progress(JOB_ID, progress=percent))
    other = progress(OTHER, progress=percent)
    assert recalled(other) == read_delivery(delivery(other))


def test_the_document_is_like_it_but_for_the_id() -> None:
    """The log of deliveries asks it for the event's name."""
    learn(progress(JOB_ID, model="midjourney"))
    known = recall(delivery(progress(OTHER, model="midjourney")))
    assert known
    assert {**known[0], "jobId": OTHER} == read_json(progress(OTHER, model="midjourney"))


@pytest.mark.parametrize("name", WEBHOOKS)
def test_what_is_recorded_is_known_or_not_but_never_said_otherwise(name: str) -> None:
    for job_id in (JOB_ID, OTHER):
        body = json.dumps({**WEBHOOKS[name], "jobId": job_id}, separators=(",", ":")).encode()
        try:
            read = read_delivery(delivery(body))
        except Unreadable:
            assert recalled(body) is None
            continue
        learn(body)
        assert recalled(body) == (read if read.is_bare else None)


@pytest.mark.parametrize(
    "change",
    [
        {"status": "QUEUED"}, {"progress": 46}, {"progress": 45.0}, {"event": "Progress"}, {"model": "other"},
        {"status": "COMPLETED"}, {"result": None}, {"seed": 7},
    ],
    ids=str,
)  # fmt: skip
def test_any_other_word_is_read_anew(change: dict[str, Any]) -> None:
    known = {"model": "of this test alone"}
    learn(progress(JOB_ID, **known))
    assert recalled(progress(OTHER, **known)) is not None
    assert recalled(progress(OTHER, **known | change)) is None


@pytest.mark.parametrize(
    "body",
    [
        progress(JOB_ID, status="COMPLETED"),
        progress(JOB_ID, seed=7),
        progress(JOB_ID, model="x" * 512),
        progress(JOB_ID, model="jobId"),
        progress(JOB_ID, model='"jobId":"'),
        progress(JOB_ID, model="\\u0041"),
        progress(JOB_ID.upper(), model="upper"),
        progress(JOB_ID, model="blank").replace(b'"jobId":', b'"jobId": '),
        progress(JOB_ID, model="twice").replace(b"}", b',"jobId":"%b"}' % JOB_ID.encode()),
        progress(JOB_ID, model="spelled").replace(b"}", b',"job\\u0049d":"%b"}' % JOB_ID.encode()),
        progress(JOB_ID, model="by another name").replace(b"jobId", b"id"),
    ],
)
def test_what_could_mean_another_job_is_not_remembered(body: bytes) -> None:
    learn(body)
    assert recalled(body) is None


@pytest.mark.parametrize(
    "wrong", [OTHER[:-1] + "g", OTHER[:-1] + '"', OTHER.upper(), OTHER.replace("-", "0"), "1" * 36]
)
def test_what_is_no_id_is_not_known(wrong: str) -> None:
    learn(progress(JOB_ID, model="ids"))
    assert recalled(progress(JOB_ID, model="ids").replace(JOB_ID.encode(), wrong.encode())) is None


def test_no_more_is_remembered_than_there_is_room_for() -> None:
    for number in range(WORDINGS_KNOWN + 1):
        learn(progress(JOB_ID, model=f"model {number}"))
    assert recalled(progress(OTHER, model="model 0")) is None
    assert recalled(progress(OTHER, model=f"model {WORDINGS_KNOWN}")) is not None

"""Section 13 of the dossier, row by row: what upstream leaves open, and what we do about it.

Rows that are missing here concern the store, the workers or the service; the other files of this folder go deeper.
"""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.apiframe.recorded import JOB_ID, KEY, OTHER_KEY, SIGNATURES, delivery, read, signature, told
from tests.apiframe.upstream import OUR_ID, charges, client_of, submit
from tests.sandbox.actors import Caller
from tracker.apiframe.client import ApiframeClient
from tracker.apiframe.protocol import (
    EdgeBlock,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    Unauthorized,
    decipher_lookup,
    decipher_submission,
    inpaint_request,
)
from tracker.apiframe.reading import Unreadable, read_lookup
from tracker.apiframe.signature import Verifier
from tracker.errors import SignatureRefused
from tracker.events import Accepted, Report
from tracker.job import Result, Status

BODY = b'{"event":"failed"}'
URL = "https://cdn2.apiframe.ai/images/1.png"


def found(**fields: Any) -> Report:
    """What a lookup of the usual job says."""
    return read_lookup(json.dumps({"id": JOB_ID, **fields}).encode())


@pytest.mark.parametrize("form", ["raw", "hex"])
def test_dossier_13_01_either_reading_of_the_secret_is_tried_and_can_be_pinned(form: Any) -> None:
    """Over all keys; which one matched is told, so that it can be counted."""
    vector = next(vector for vector in SIGNATURES if getattr(vector, form))
    genuine = Verifier([OTHER_KEY, vector.api_key]).verify(vector.body, vector.header)
    assert (genuine.secret_form, genuine.key_index) == (form, 1)
    assert Verifier([vector.api_key], form).verify(vector.body, vector.header).secret_form == form
    with pytest.raises(SignatureRefused):
        Verifier([vector.api_key], "hex" if form == "raw" else "raw").verify(vector.body, vector.header)


@pytest.mark.parametrize("prefix", ["sha256=", ""])
@pytest.mark.parametrize("case", [str.lower, str.upper])
def test_dossier_13_02_the_prefix_is_optional_and_hex_has_any_case(prefix: str, case: Any) -> None:
    """The prefix itself is lower-case."""
    digits = signature(BODY).removeprefix("sha256=")
    assert Verifier([KEY]).verify(BODY, prefix + case(digits)).body == BODY
    with pytest.raises(SignatureRefused):
        Verifier([KEY]).verify(BODY, f"SHA256={digits}")


def test_dossier_13_03_a_missing_signature_is_refused_and_counted_as_such() -> None:
    """The service answers 401, and polling finds the job's end."""
    with pytest.raises(SignatureRefused) as refused:
        Verifier([KEY]).verify(BODY, None)
    assert (refused.value.cause, refused.value.status) == ("missing", 401)


def test_dossier_13_04_the_status_decides_where_the_event_contradicts_it() -> None:
    """Event, else type, else status; headers are not even given to the reader. The contradiction is kept."""
    assert told(event=None, type="failed", status=None).status is Status.FAILED
    contradictory = told(event="completed", status="PROCESSING")
    assert (contradictory.status, contradictory.rest) == (Status.PROCESSING, {"event": "completed"})


def test_dossier_13_05_the_job_id_is_a_uuid_under_either_name() -> None:
    """`jobId` before `id`; the store compares it with the job that the address names."""
    assert read({"jobId": JOB_ID, "id": "evt_1", "event": "failed"}).upstream_job_id == JOB_ID
    assert read({"id": JOB_ID, "event": "failed"}).upstream_job_id == JOB_ID
    with pytest.raises(Unreadable):
        read({"jobId": "job_1", "id": JOB_ID, "event": "failed"})


@pytest.mark.parametrize(
    ("given", "result"),
    [
        ({"images": [URL], "gridUrl": URL}, Result(images=(URL,), grid_url=URL)),
        (URL, Result(images=(URL,))),
        (None, None),
        ({}, None),
        ({"tracks": [{"audioUrl": URL}]}, None),
    ],
)
def test_dossier_13_06_every_form_of_a_result_becomes_one(given: Any, result: Result | None) -> None:
    """None where there is no URL: the state machine then asks upstream before it settles the job."""
    assert told(status="COMPLETED", result=given).result == result


@pytest.mark.parametrize("fields", [{"error": "x"}, {"error": {"message": "x"}}, {"message": "x"}])
def test_dossier_13_07_a_failures_text_goes_by_several_names(fields: dict[str, Any]) -> None:
    """It is bounded, and never required."""
    assert told(status="FAILED", **fields).error == "x"
    assert told(status="FAILED").status is Status.FAILED


@pytest.mark.parametrize(("given", "progress"), [(None, None), (0, 0), (45.5, 45), (-5, 0), (400, 100), ("x", None)])
def test_dossier_13_08_progress_is_clamped_and_never_ends_a_job(given: Any, progress: int | None) -> None:
    """That it only grows is the state machine's to see to."""
    report = told(event="progress", progress=given)
    assert (report.progress, report.status) == (progress, Status.PROCESSING)


def test_dossier_13_09_a_repeated_body_is_known_by_its_fingerprint() -> None:
    """A digest of the bytes, since upstream gives a delivery no id."""
    assert delivery(BODY).fingerprint == delivery(BODY).fingerprint != delivery(BODY + b" ").fingerprint


async def test_dossier_13_15_after_an_unknown_outcome_the_same_bytes_go_with_the_same_key(
    sandbox: Caller, client: ApiframeClient
) -> None:
    """And find the job that the lost answer told of."""
    parent = await sandbox.seed()
    await sandbox.mischief(submit_504=1, times=1)
    assert isinstance(await submit(client, parent), OutcomeUnknown)
    assert isinstance(await submit(client, parent), Accepted)
    assert len(await charges(sandbox)) == 1
    assert inpaint_request(parent, b"mask", "p", None) == inpaint_request(parent, b"mask", "p", None)


async def test_dossier_13_16_a_replay_may_return_a_failed_job(sandbox: Caller, client: ApiframeClient) -> None:
    """It is reported as it is; a new attempt is a new job of ours, with a new key."""
    parent = await sandbox.seed()
    await sandbox.mischief(job_failed=1)
    first = await submit(client, parent)
    assert isinstance(first, Accepted)
    await sandbox.settled(first.upstream_job_id)
    assert await submit(client, parent) == Accepted(first.upstream_job_id, Status.FAILED)


@pytest.mark.parametrize("status_code", [400, 404, 409])
def test_dossier_13_17_an_unsuitable_parent_is_refused_for_good(status_code: int) -> None:
    """Whichever status upstream chose, kept with its text."""
    refused = decipher_submission(status_code, {}, b'{"error":"not this parent"}')
    assert refused == Rejected(status_code, "not this parent")


async def test_dossier_13_18_a_key_used_with_another_body_is_refused(sandbox: Caller, client: ApiframeClient) -> None:
    """That would be a bug of ours: the key is our job's id, and the body is made from the job alone."""
    parent = await sandbox.seed()
    await submit(client, parent)
    refused = await submit(client, parent, prompt="another", job_id=OUR_ID)
    assert isinstance(refused, Rejected)
    assert refused.status_code == 409


@pytest.mark.parametrize("word", ["sent", "delivered", "pending", None, 17])
def test_dossier_13_19_the_webhook_status_is_kept_as_it_came(word: Any) -> None:
    """Two documents disagree on its words, and nothing depends on it."""
    assert found(status="COMPLETED", webhookStatus=word).rest == {"webhookStatus": word}


def test_dossier_13_20_cancelled_is_an_end_of_its_own() -> None:
    """By a lookup, and by a webhook should there ever be one."""
    assert found(status="CANCELLED").status is Status.CANCELLED
    assert told(status="CANCELLED").status is Status.CANCELLED


def test_dossier_13_21_the_end_and_the_expiry_are_upstreams_own() -> None:
    """Our 24 hours are counted from the one, and give way to the other."""
    report = found(status="COMPLETED", completedAt="2026-03-15T10:00:32.000Z", expired=True)
    assert (report.completed_at, report.expired) == (datetime(2026, 3, 15, 10, 0, 32, tzinfo=UTC), True)


async def test_dossier_13_24_a_mask_of_the_wrong_size_is_upstreams_to_refuse(
    sandbox: Caller, client: ApiframeClient
) -> None:
    """We do not know the parent's size; the refusal is final, and says what was wrong."""
    refused = await submit(client, await sandbox.seed(width=128, height=64))
    assert isinstance(refused, Rejected)
    assert "128x64" in refused.message


async def test_dossier_13_26_many_keys_verify_and_one_submits(sandbox: Caller) -> None:
    """Those rotated out sign what is still under way; upstream would no longer take them."""
    previous = (OTHER_KEY,)
    assert Verifier([KEY, *previous]).verify(BODY, signature(BODY, OTHER_KEY)).key_index == 1
    async with client_of(str(sandbox.http.base_url), apiframe_previous_api_keys=previous) as client:
        assert isinstance(await submit(client, await sandbox.seed()), Accepted)
    async with client_of(str(sandbox.http.base_url), apiframe_api_key=OTHER_KEY) as client:
        assert isinstance(await submit(client, JOB_ID), Unauthorized)


def test_dossier_13_27_unknown_fields_are_kept_and_unknown_words_move_nothing() -> None:
    """The service quarantines an unknown event or status; a lookup with one is no word about the job."""
    assert told(novelty=1).rest == {"novelty": 1}
    with pytest.raises(Unreadable, match="unknown event"):
        told(event="upscaled")
    with pytest.raises(Unreadable, match="unknown status"):
        told(status="PAUSED")
    with pytest.raises(Unreadable, match="unknown status"):
        found(status="PAUSED")


@pytest.mark.parametrize("status", ["PROCESSING", "COMPLETED", "FAILED"])
def test_dossier_13_28_nothing_but_id_and_status_is_required(status: str) -> None:
    """The failed event has no cost and no time; a lookup tells them later."""
    report = told(status=status)
    assert (report.credit_cost, report.completed_at, report.progress, report.error) == (None, None, None, None)


@pytest.mark.parametrize("decipher", [decipher_submission, decipher_lookup])
def test_dossier_13_29_retry_after_is_honoured(decipher: Any) -> None:
    """Upstream's rates are not documented: it says when."""
    assert decipher(429, {"retry-after": "17"}, b'{"error":"slow down"}') == RateLimited(17)


@pytest.mark.parametrize("decipher", [decipher_submission, decipher_lookup])
def test_dossier_13_30_a_403_without_json_is_the_edge_and_not_the_key(decipher: Any) -> None:
    """A class of its own, with its own alarm."""
    assert isinstance(decipher(403, {}, b"error code: 1010"), EdgeBlock)
    assert isinstance(decipher(403, {}, b'{"error":"API key is inactive"}'), Unauthorized)

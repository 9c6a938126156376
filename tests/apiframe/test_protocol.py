"""Submissions as bytes, and every answer of upstream, or of whatever stands in front of it, as one typed value."""

import base64
import json
import uuid
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.apiframe.recorded import JOB_ID, PAYLOADS
from tracker.apiframe.protocol import (
    DEFAULT_RETRY_AFTER,
    LONGEST_RETRY_AFTER,
    MAX_TEXT,
    SHORTEST_RETRY_AFTER,
    EdgeBlock,
    Garbled,
    Hindrance,
    InsufficientCredits,
    LookupResult,
    Missing,
    OutcomeUnknown,
    RateLimited,
    Rejected,
    SubmissionResult,
    TryAgain,
    Unauthorized,
    decipher_lookup,
    decipher_submission,
    inpaint_request,
    retry_after,
)
from tracker.events import Accepted, Report
from tracker.job import Status

HTML = b"<!DOCTYPE html><title>Access denied</title><p>error code: 1010</p>"
NOW = "Wed, 21 Oct 2026 07:28:00 GMT"
MASK = b"\x89PNG mask"
WEBHOOK = "https://tracker.example/webhooks/apiframe/1"


def as_bytes(body: Any) -> bytes:
    return body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()


def submission(status_code: int, body: Any = None, **headers: str) -> SubmissionResult:
    return decipher_submission(status_code, headers, as_bytes(body))


def lookup(status_code: int, body: Any = None, **headers: str) -> LookupResult:
    return decipher_lookup(status_code, headers, as_bytes(body))


EXAMPLES: list[tuple[SubmissionResult, LookupResult]] = [
    (Rejected(400, "Validation failed; mask: Required"), TryAgain("Validation failed; mask: Required")),
    (
        Rejected(400, "Validation error; prompt: Too big: expected string to have <=2000 characters"),
        TryAgain("Validation error; prompt: Too big: expected string to have <=2000 characters"),
    ),
    (Unauthorized(401, "API key is required"), Unauthorized(401, "API key is required")),
    (Unauthorized(401, "Invalid API key"), Unauthorized(401, "Invalid API key")),
    (Unauthorized(403, "API key is inactive"), Unauthorized(403, "API key is inactive")),
    (InsufficientCredits(16, 3, "Insufficient credits"), InsufficientCredits(16, 3, "Insufficient credits")),
    (Rejected(404, "Job not found"), Missing()),
    (
        Rejected(409, "Requested action is not available for the parent job"),
        TryAgain("Requested action is not available for the parent job"),
    ),
    (RateLimited(7), RateLimited(7)),
    (TryAgain("Service unavailable"), TryAgain("Service unavailable")),
    (OutcomeUnknown("504 from upstream or a gateway in front of it"), TryAgain("HTTP 504")),
    (
        EdgeBlock(403, "403 without JSON: a block in front of Apiframe, or a wrong address"),
        EdgeBlock(403, "403 without JSON: a block in front of Apiframe, or a wrong address"),
    ),
]
"""What each of the data's `errors` means for a submission and for a lookup, in their order."""


@pytest.mark.parametrize(("row", "expected"), list(zip(PAYLOADS["errors"], EXAMPLES, strict=True)))
def test_each_example_error_is_deciphered(row: dict[str, Any], expected: tuple[SubmissionResult, LookupResult]) -> None:
    """For a submission, and for a lookup."""
    body = row["body"].encode() if isinstance(row["body"], str) else as_bytes(row["body"])
    headers = {name.lower(): value for name, value in row.get("headers", {}).items()}
    given = row["status"], headers, body
    assert (decipher_submission(*given), decipher_lookup(*given)) == expected


@pytest.mark.parametrize("status_code", [400, 404, 409, 410, 413, 415, 422])
def test_a_refusal_of_the_job_is_final_and_keeps_its_status_and_text(status_code: int) -> None:
    """For the operator, who has to tell an unsuitable parent from a bug of ours."""
    assert submission(status_code, {"error": "no"}) == Rejected(status_code, "no")


def test_a_body_too_large_for_a_gateway_is_refused_for_good() -> None:
    """A proxy's 413 has no JSON, and the mask will not get smaller."""
    assert submission(413, HTML) == Rejected(413, "HTTP 413")


@pytest.mark.parametrize("status_code", [401, 403])
@pytest.mark.parametrize("decipher", [submission, lookup])
def test_a_refusal_of_the_key_is_never_the_jobs_fault(decipher: Any, status_code: int) -> None:
    """Upstream's own JSON says so."""
    assert decipher(status_code, {"error": "Invalid API key"}) == Unauthorized(status_code, "Invalid API key")


@pytest.mark.parametrize("status_code", [403, 404, 405])
@pytest.mark.parametrize("body", [HTML, b"", b"error code: 1010", b'"text"', b"[]"])
@pytest.mark.parametrize("decipher", [submission, lookup])
def test_a_refusal_without_upstreams_json_blames_neither_key_nor_job(
    decipher: Any, body: bytes, status_code: int
) -> None:
    """Something in front of Apiframe said it, or a wrong address; a 404 of that kind does not lose a job."""
    assert isinstance(decipher(status_code, body), EdgeBlock)


@pytest.mark.parametrize(
    ("body", "required", "available"),
    [
        ({"creditsRequired": 16, "creditsAvailable": 3}, 16, 3),
        ({"creditsRequired": 16}, 16, None),
        ({"creditsRequired": "16", "creditsAvailable": None}, None, None),
        ({"creditsRequired": True, "creditsAvailable": 1.5}, None, None),
        ({"creditsRequired": -1, "creditsAvailable": 10**30}, None, None),
        (HTML, None, None),
    ],
)
def test_missing_credits_are_told_where_upstream_told_them(
    body: Any, required: int | None, available: int | None
) -> None:
    """402 concerns the account, whatever its body."""
    result = submission(402, body)
    assert isinstance(result, InsufficientCredits)
    assert (result.required, result.available) == (required, available)


@pytest.mark.parametrize("body", [{"error": "slow down"}, HTML, b""])
@pytest.mark.parametrize("decipher", [submission, lookup])
def test_a_rate_limit_is_obeyed_whoever_set_it(decipher: Any, body: Any) -> None:
    """Apiframe or its edge; without a time, for a few seconds."""
    assert decipher(429, body, **{"retry-after": "30"}) == RateLimited(30)
    assert decipher(429, body) == RateLimited(DEFAULT_RETRY_AFTER)


def test_an_outage_that_upstream_admits_took_nothing() -> None:
    """503 in its own JSON, with its own time."""
    body = {"error": "Queue temporarily down"}
    assert submission(503, body) == TryAgain("Queue temporarily down")
    assert submission(503, body, **{"retry-after": "9"}) == TryAgain("Queue temporarily down", 9)
    assert lookup(503, HTML, **{"retry-after": "9"}) == TryAgain("HTTP 503", 9)


@pytest.mark.parametrize(
    ("status_code", "body"),
    [
        *((status, body) for status in (408, 500, 502, 504, 520, 524) for body in (HTML, b"", {"error": "oops"})),
        (503, HTML),
        (503, b""),
        (100, b""),
        (199, b""),
        (600, b""),
        (0, b""),
    ],
)
def test_whatever_is_no_clear_refusal_leaves_the_outcome_open(status_code: int, body: Any) -> None:
    """A gateway cannot know whether the submission went through; 16 credits hang on not believing it."""
    assert isinstance(submission(status_code, body), OutcomeUnknown)
    assert isinstance(lookup(status_code, body), TryAgain)


@pytest.mark.parametrize("status_code", [301, 302, 303, 307, 308])
def test_a_redirect_took_nothing(status_code: int) -> None:
    """It says that the base URL is wrong."""
    result = submission(status_code, HTML, location="https://elsewhere.example/")
    assert isinstance(result, TryAgain)
    assert "APIFRAME_BASE_URL" in result.message
    assert isinstance(lookup(status_code, HTML), TryAgain)


@pytest.mark.parametrize("status_code", [200, 201, 202])
@pytest.mark.parametrize("status", ["QUEUED", "PROCESSING", "COMPLETED", "FAILED", "CANCELLED"])
def test_an_acceptance_may_be_a_replay_in_any_state(status_code: int, status: str) -> None:
    """Even a dead job's: the enum upstream documents has FAILED in it."""
    assert submission(status_code, {"jobId": JOB_ID, "status": status}) == Accepted(JOB_ID, Status(status))


@pytest.mark.parametrize("status", [None, "", "queued", "PAUSED", "PENDING", 17, ["QUEUED"], {"a": 1}])
def test_an_acceptance_with_an_unknown_status_is_an_acceptance(status: Any) -> None:
    """The id is what counts."""
    assert submission(202, {"jobId": JOB_ID.upper(), "status": status}) == Accepted(JOB_ID, Status.QUEUED)


@pytest.mark.parametrize(
    "body",
    [
        {"status": "QUEUED"},
        {"jobId": None},
        {"jobId": ""},
        {"jobId": "job_1"},
        {"jobId": 17},
        {"jobId": [JOB_ID]},
        {},
        HTML,
        b"",
        b"[]",
        b'{"jobId":"' + JOB_ID.encode(),
    ],
)
@pytest.mark.parametrize("status_code", [200, 202, 204])
def test_success_without_a_job_id_leaves_the_outcome_open(status_code: int, body: Any) -> None:
    """The job is there, and nobody knows its name: the same key will tell."""
    assert submission(status_code, body) == OutcomeUnknown(f"{status_code} without a jobId")


def test_a_job_that_is_found_is_a_report() -> None:
    """The reader's own tests say what becomes of its fields."""
    result = lookup(200, {"id": JOB_ID, "status": "PROCESSING", "progress": 40})
    assert isinstance(result, Report)
    assert (result.upstream_job_id, result.status, result.progress) == (JOB_ID, Status.PROCESSING, 40)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (HTML, "not JSON"),
        (b"", "not JSON"),
        (b"[]", "not a JSON object"),
    ],
)
def test_an_answer_that_cannot_be_read_is_no_word_about_the_job(body: Any, why: str) -> None:
    """And the message says what was wrong with it."""
    result = lookup(200, body)
    assert isinstance(result, TryAgain)
    assert why in result.message


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({}, "unknown status"),
        ({"id": JOB_ID, "status": "PAUSED"}, "unknown status"),
        ({"status": "FAILED"}, "no job id"),
    ],
)
def test_a_job_that_is_told_of_in_words_nobody_knows_is_there_all_the_same(body: Any, why: str) -> None:
    """Which is more than no answer."""
    result = lookup(200, body)
    assert isinstance(result, Garbled)
    assert why in result.message


@pytest.mark.parametrize("status_code", [202, 204, 206, 400, 408, 410, 418, 500])
def test_a_lookup_that_went_wrong_can_be_made_again(status_code: int) -> None:
    """Only a 404 in upstream's JSON says that the job is not there."""
    assert isinstance(lookup(status_code, {"id": JOB_ID, "status": "FAILED", "error": "x"}), TryAgain)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"error": "no"}, "no"),
        ({"message": "no"}, "no"),
        ({"error": {"message": "no"}}, "no"),
        ({"error": None}, "HTTP 400"),
        ({"error": 17}, "HTTP 400"),
        ({"error": "no", "details": {"mask": ["Required", "Too big"], "prompt": "Bad"}},
         "no; mask: Required, Too big; prompt: Bad"),
        ({"error": "no", "details": ["mask"]}, "no"),
        ({"error": "no", "details": {"mask": None}}, "no; mask: None"),
        ({"error": "x" * 9000, "details": {"y" * 9000: ["z"]}}, "x" * MAX_TEXT),
        (HTML, "HTTP 400"),
    ],
)  # fmt: skip
def test_a_refusal_carries_upstreams_words_and_the_fields_it_names(body: Any, text: str) -> None:
    """Bounded, and never a page of HTML."""
    assert submission(400, body) == Rejected(400, text)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7), (" 7 ", 7), ("2.5", 2.5), ("0", SHORTEST_RETRY_AFTER), ("-1", SHORTEST_RETRY_AFTER),
        ("-inf", SHORTEST_RETRY_AFTER), ("1e9", LONGEST_RETRY_AFTER), ("9" * 5000, LONGEST_RETRY_AFTER),
        ("inf", LONGEST_RETRY_AFTER), ("nan", None), ("", None), ("soon", None), ("7, 7", None), ("7s", None),
        ("Wed, 21 Oct 2026 07:28:45 GMT", 45), ("Wednesday, 21-Oct-26 07:28:45 GMT", 45),
        ("Wed, 21 Oct 2026 07:28:45", 45), ("Wed, 21 Oct 2026 09:28:45 +0200", 45), (NOW, SHORTEST_RETRY_AFTER),
        ("Thu, 01 Jan 1970 00:00:00 GMT", SHORTEST_RETRY_AFTER), ("Fri, 31 Dec 9999 23:59:59 GMT", LONGEST_RETRY_AFTER),
        ("Wed, 99 Oct 2026 07:28:00 GMT", None), ("Thu, 1 Jan 1970 00:00:00 +99999999999999999999", None),
        ("Mon, 01 Jan 9999999999999999999999 00:00:00 GMT", None),
    ],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date(value: str, seconds: float | None) -> None:
    """Never so short that we hammer, never so long that we sleep for days, and never an exception."""
    assert retry_after({"retry-after": value, "date": NOW}) == seconds


def test_a_date_is_measured_against_the_clock_of_who_wrote_it() -> None:
    """Without one, a date says nothing; no Retry-After at all says nothing either."""
    assert retry_after({"retry-after": NOW}) is None
    assert retry_after({"retry-after": NOW, "date": "just now"}) is None
    assert retry_after({"date": NOW}) is None
    assert submission(429, None, **{"retry-after": NOW}) == RateLimited(DEFAULT_RETRY_AFTER)


def test_a_request_has_upstreams_fields_and_no_others() -> None:
    """An unknown field is a 400."""
    assert json.loads(inpaint_request(JOB_ID, MASK, "a balloon", WEBHOOK)) == {
        "action": "inpaint",
        "parentJobId": JOB_ID,
        "mask": base64.b64encode(MASK).decode(),
        "prompt": "a balloon",
        "webhookUrl": WEBHOOK,
        "webhookEvents": ["progress", "completed", "failed"],
    }


def test_what_was_not_given_is_not_sent() -> None:
    """Nulls are not in the schema, and `webhookEvents` without an address means nothing; an empty prompt is one."""
    assert set(json.loads(inpaint_request(JOB_ID, MASK, None, None))) == {"action", "parentJobId", "mask"}
    assert json.loads(inpaint_request(JOB_ID, MASK, "", None))["prompt"] == ""


def test_a_request_is_these_bytes() -> None:
    """The Idempotency-Key is bound to them: a change here is a 409 for every job that is being retried."""
    assert inpaint_request(JOB_ID, b"\x00\xff", 'Ä "balloon" 🎈', WEBHOOK) == (
        b'{"action":"inpaint","parentJobId":"a1b2c3d4-e5f6-7890-abcd-ef1234567890","mask":"AP8=",'
        b'"prompt":"\\u00c4 \\"balloon\\" \\ud83c\\udf88","webhookUrl":"https://tracker.example/webhooks/apiframe/1",'
        b'"webhookEvents":["progress","completed","failed"]}'
    )


prompts = st.none() | st.text(st.characters(), max_size=60)


@settings(deadline=None)
@given(mask=st.binary(min_size=1, max_size=300), prompt=prompts, webhook=st.none() | st.just(WEBHOOK))
@example(mask=b"\xff" * 100, prompt="\ud800", webhook=None)
@example(mask=b"\xff" * 100, prompt="\x00\u2028</script>", webhook=WEBHOOK)
def test_every_request_is_deterministic_and_within_upstreams_rules(
    mask: bytes, prompt: str | None, webhook: str | None
) -> None:
    """The dossier's table of fields; any prompt can be encoded."""
    body = inpaint_request(JOB_ID, mask, prompt, webhook)
    assert body == inpaint_request(JOB_ID, mask, prompt, webhook)
    request = json.loads(body)
    assert set(request) <= {"action", "parentJobId", "mask", "prompt", "webhookUrl", "webhookEvents"}
    assert request["action"] == "inpaint"
    assert str(uuid.UUID(request["parentJobId"])) == JOB_ID
    assert base64.b64decode(request["mask"], validate=True) == mask
    assert request.get("prompt") == prompt
    assert ("webhookUrl" in request) == ("webhookEvents" in request)


def test_the_largest_mask_that_is_let_in_stays_within_upstreams_limit() -> None:
    """8,000,000 bytes become fewer than 12,000,000 characters, without a line break among them."""
    mask = json.loads(inpaint_request(JOB_ID, bytes(8_000_000), None, None))["mask"]
    assert len(mask) <= 12_000_000
    assert "\n" not in mask


bodies = st.binary(max_size=120) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["jobId", "id", "status", "error", "message", "details", "creditsRequired", "mask"]), inner
        )
    ),
    max_leaves=8,
).map(lambda value: json.dumps(value).encode())
headers = st.dictionaries(
    st.sampled_from(["retry-after", "date", "content-type"]),
    st.text(max_size=40)
    | st.floats().map(str)
    | st.integers().map(str)
    | st.from_regex(r"\A[A-Z][a-z]{2}, \d{1,3} [A-Z][a-z]{2} \d{1,12} \d\d:\d\d:\d\d( GMT| [+-]\d{4,20})?\Z"),
)


def assert_bounded(result: object) -> None:
    """No result holds more than a person would read, nor asks for an endless wait."""
    assert len(getattr(result, "message", "")) <= MAX_TEXT
    waits = getattr(result, "retry_after", None)
    assert waits is None or SHORTEST_RETRY_AFTER <= waits <= LONGEST_RETRY_AFTER


@settings(deadline=None, max_examples=300)
@given(status_code=st.integers(100, 599) | st.integers(), headers=headers, body=bodies)
@example(status_code=200, headers={}, body=b"[" * 10_000)
@example(status_code=400, headers={}, body=b'{"error":' + b"9" * 4300 + b"}")
def test_any_answer_is_deciphered(status_code: int, headers: Mapping[str, str], body: bytes) -> None:
    """Nothing is ever raised, and what is no success is never taken for one."""
    submitted, found = decipher_submission(status_code, headers, body), decipher_lookup(status_code, headers, body)
    assert isinstance(submitted, Accepted | Rejected | OutcomeUnknown | Hindrance)
    assert isinstance(found, Report | Missing | Garbled | Hindrance)
    assert_bounded(submitted)
    assert_bounded(found)
    if not 200 <= status_code < 300:
        assert not isinstance(submitted, Accepted)
        assert not isinstance(found, Report)

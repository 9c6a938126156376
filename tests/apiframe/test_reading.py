"""Bodies of deliveries and lookups, read into a Report or called Unreadable; never anything else."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from tests.apiframe.recorded import JOB_ID, PAYLOADS, read, told
from tracker.apiframe.reading import MAX_REST, MAX_TEXT, MAX_URL, MAX_URLS, Unreadable, read_lookup, read_result
from tracker.events import Report
from tracker.job import Result, Source, Status

POLICY = "Provider returned an error: content policy violation"
FINISHED = datetime(2026, 3, 15, 10, 0, 32, tzinfo=UTC)
WEBHOOKS = {row["name"]: row["body"] for row in PAYLOADS["webhooks"]}
LOOKUPS = {name: row["body"] for name, row in PAYLOADS["getJob"].items() if name != "accepted"}


def files(job_id: str, count: int) -> tuple[str, ...]:
    return tuple(f"https://cdn2.apiframe.ai/images/{job_id}-{n}.png" for n in range(1, count + 1))


def grid(job_id: str) -> Result:
    """Four images and their composite, as every grid of the examples names them."""
    return Result(images=files(job_id, 4), grid_url=f"https://cdn2.apiframe.ai/images/{job_id}-grid.png")


def lookup(document: Any) -> Report:
    return read_lookup(json.dumps(document).encode())


def result_of(value: Any) -> Result | None:
    return read_result(value)[0]


B = "b2c3d4e5-f6a7-4890-abcd-ef1234567890"
C = "c3d4e5f6-a7b8-9012-cdef-345678901234"
OLD_STYLE = Result(images=("https://cdn.apiframe.ai/results/a1b2c3d4.png",))
ENDED: dict[str, Any] = {"progress": 100, "completed_at": FINISHED}

READ: dict[str, dict[str, Any]] = {
    "completed_result_url_string": {"status": Status.COMPLETED, "result": OLD_STYLE, "credit_cost": 10, **ENDED},
    "failed": {"status": Status.FAILED, "error": POLICY},
    "progress": {"status": Status.PROCESSING, "progress": 45},
    "completed_inpaint_grid_object": {"status": Status.COMPLETED, "result": grid(B), "credit_cost": 16, **ENDED},
    "completed_upsample_single_object": {
        "status": Status.COMPLETED, "result": Result(images=files(JOB_ID, 1)), "credit_cost": 4, **ENDED
    },
    "progress_hundred_before_completed": {"status": Status.PROCESSING, "progress": 100},
    "completed_music_tracks_object": {
        "status": Status.COMPLETED, "progress": 100, "result": None, "credit_cost": 11,
        "completed_at": datetime(2026, 3, 15, 10, 2, 32, tzinfo=UTC),
        "rest": {"result": WEBHOOKS["completed_music_tracks_object"]["result"]},
    },
    "failed_capacity": {"status": Status.FAILED, "error": "No available capacity — please retry shortly"},
    "failed_image_filter": {"status": Status.FAILED, "error": "Image denied by Midjourney image filters"},
    "status_only_no_event": {"status": Status.COMPLETED, "progress": 100, "result": grid(B)},
    "error_aliases": {"status": Status.FAILED, "error": "Generation failed"},
    "completed_result_null": {"status": Status.COMPLETED, "result": None, "credit_cost": 16, **ENDED},
    "duplicate_failed": {"status": Status.FAILED, "error": POLICY},
    "no_signature_header": {"status": Status.COMPLETED, "result": grid(B), "credit_cost": 16, **ENDED},
}  # fmt: skip
"""Each example delivery as a Report, beside its id and fingerprint; `expectedHandling` in the data says it in words."""

FOUND: dict[str, dict[str, Any]] = {
    "queued": {"status": Status.QUEUED, "progress": 0, "credit_cost": 10},
    "processing": {"status": Status.PROCESSING, "progress": 65, "credit_cost": 10},
    "completed_object": {"status": Status.COMPLETED, "result": grid(JOB_ID), "credit_cost": 10, **ENDED},
    "completed_string": {"status": Status.COMPLETED, "result": OLD_STYLE, "credit_cost": 10, **ENDED},
    "failed": {
        "status": Status.FAILED, "progress": 0, "error": POLICY, "credit_cost": 0,
        "completed_at": datetime(2026, 3, 15, 10, 0, 5, tzinfo=UTC),
    },
    "failed_sdk_fixture": {"status": Status.FAILED, "error": "Provider returned 500"},
    "completed_expired": {
        "status": Status.COMPLETED, "result": grid(JOB_ID), "credit_cost": 16, "expired": True, **ENDED
    },
    "cancelled": {"status": Status.CANCELLED},
}  # fmt: skip


@pytest.mark.parametrize("name", WEBHOOKS)
def test_each_example_delivery_is_read_as_the_dossier_says(name: str) -> None:
    """The documented ones, the composed ones, and what third-party receivers read."""
    body = WEBHOOKS[name]
    report = read(body)
    assert report.fingerprint
    assert report == Report(Source.WEBHOOK, body["jobId"], **{"rest": {}, **READ[name]}, fingerprint=report.fingerprint)


@pytest.mark.parametrize("name", LOOKUPS)
def test_each_example_lookup_is_read(name: str) -> None:
    """`webhookStatus` is kept as it came: two documents disagree on its words."""
    body = LOOKUPS[name]
    assert lookup(body) == Report(Source.POLL, body["id"], **FOUND[name], rest={"webhookStatus": body["webhookStatus"]})


@pytest.mark.parametrize("row", PAYLOADS["v1ForContrast"], ids=lambda row: row["name"])
def test_deliveries_of_apiframe_v1_are_not_taken_for_v2(row: dict[str, Any]) -> None:
    """Another product, whose `task_id` names nothing here; signed or not."""
    with pytest.raises(Unreadable):
        read(row["body"])


@pytest.mark.parametrize("name", ["jobId", "id", "job_id"])
def test_the_job_id_goes_by_several_names(name: str) -> None:
    """The webhook's, the lookup's, and that of other receivers."""
    assert read({name: JOB_ID, "event": "progress"}).upstream_job_id == JOB_ID


def test_the_job_id_is_read_from_the_documented_name_first() -> None:
    """An event may have an `id` of its own some day."""
    assert read({"id": "evt_1", "jobId": JOB_ID, "event": "progress"}).upstream_job_id == JOB_ID


def test_the_job_id_is_made_canonical() -> None:
    """Upper case is the same UUID."""
    assert read({"jobId": JOB_ID.upper(), "event": "progress"}).upstream_job_id == JOB_ID


@pytest.mark.parametrize("value", ["", "job_123", JOB_ID[:-1], JOB_ID + "0", 17, 1.5, True, [JOB_ID], {"id": JOB_ID}])
def test_a_job_id_that_is_no_uuid_is_unreadable(value: Any) -> None:
    """It becomes part of keys and of addresses."""
    with pytest.raises(Unreadable, match="not a UUID"):
        told(jobId=value)


@pytest.mark.parametrize("body", [{"event": "failed"}, {"event": "failed", "jobId": None}, {}, {"error": "x"}])
def test_without_a_job_id_or_a_state_there_is_nothing_to_read(body: dict[str, Any]) -> None:
    """Both are needed, nothing else is."""
    with pytest.raises(Unreadable, match=r"no job id|neither event nor status"):
        read(body)


@pytest.mark.parametrize(
    ("event", "status"),
    [
        ("progress", Status.COMPLETED),
        ("progress", Status.FAILED),
        ("completed", Status.PROCESSING),
        ("completed", Status.FAILED),
        ("failed", Status.COMPLETED),
        ("failed", Status.CANCELLED),
    ],
)
def test_where_event_and_status_contradict_the_status_decides_and_the_event_is_kept(event: str, status: Status) -> None:
    """In `rest`, which the history shows."""
    report = told(event=event, status=status)
    assert (report.status, report.rest) == (status, {"event": event})


@pytest.mark.parametrize(
    ("event", "status"), [("progress", "QUEUED"), ("progress", "PROCESSING"), ("failed", "FAILED"), ("failed", None)]
)
def test_where_they_agree_the_event_is_not_kept(event: str, status: str | None) -> None:
    """Nor where one of them is missing."""
    assert told(event=event, status=status).rest == {}


@pytest.mark.parametrize("name", ["event", "type"])
@pytest.mark.parametrize(
    ("word", "status"),
    [("progress", Status.PROCESSING), ("completed", Status.COMPLETED), ("failed", Status.FAILED)],
)
def test_an_event_alone_tells_the_status(name: str, word: str, status: Status) -> None:
    """Under either name, in any case."""
    assert told(**{name: word, "status": None}).status is status
    assert told(**{name: word.title(), "status": ""}).status is status


def test_event_is_read_before_type() -> None:
    """The documented name wins."""
    assert told(event="failed", type="nonsense", status=None).status is Status.FAILED


@pytest.mark.parametrize("status", ["QUEUED", "PROCESSING", "COMPLETED", "FAILED", "CANCELLED"])
def test_a_status_alone_is_enough(status: str) -> None:
    """In any case, with blanks around it."""
    assert told(status=f" {status.lower()} ").status == status


@pytest.mark.parametrize(
    "fields",
    [
        {"event": "refunded"},
        {"event": "refunded", "status": "COMPLETED"},
        {"event": ["completed"]},
        {"event": {}},
        {"event": 0},
        {"status": "PAUSED"},
        {"status": "PENDING"},
        {"status": 2},
        {"status": False},
        {"event": "completed", "status": "SUCCEEDED"},
    ],
)
def test_words_that_nobody_knows_are_unreadable(fields: dict[str, Any]) -> None:
    """Kept whole for a person; PENDING is our word, never upstream's."""
    with pytest.raises(Unreadable, match=r"unknown (event|status)"):
        told(**fields)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"nonsense",
        b"null",
        b"17",
        b'"text"',
        b"[]",
        b'[{"event":"failed"}]',
        b'{"progress":NaN}',
        b'{"progress":Infinity}',
        b"{'event':'failed'}",
        b'{"event":"failed"}{}',
        b'\xef\xbb\xbf{"event":"failed"}',
        b'{"error":"\xff"}',
        b'{"error":"\xed\xa0\x80"}',
        b'{"error":"\\ud83"}',
        b'{"error":"\\ud83d',
        b'{"error":"\x00"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"progress":' + b"9" * 5000 + b"}",
    ],
    ids=lambda body: body[:20].decode("latin-1"),
)
def test_what_is_no_json_object_is_unreadable(body: bytes) -> None:
    """Nested without end, numbers without end, text that is no UTF-8."""
    with pytest.raises(Unreadable, match=r"not (JSON|a JSON object)"):
        read(body)
    with pytest.raises(Unreadable, match=r"not (JSON|a JSON object)"):
        read_lookup(body)


@pytest.mark.parametrize(
    ("escaped", "text"),
    [
        (rb"too long \ud83d", "too long \ufffd"),
        (rb"\ude00 late", "\ufffd late"),
        (rb"\ud83d\ud83d\ude00", "\ufffd😀"),
        (rb"\ud83d\\ude00", "\ufffd\\ude00"),
        (rb"\\ud83d \ud83d", "\\ud83d \ufffd"),
        (rb"\ud83d\n\ud83d\ude00", "\ufffd\n😀"),
    ],
)
def test_half_an_emoji_does_not_cost_the_rest(escaped: bytes, text: str) -> None:
    """JavaScript writes a lone surrogate where it cut a text: a job's end must not go unread for that."""
    body = b'{"jobId":"%s","status":"FAILED","error":"%s"}' % (JOB_ID.encode(), escaped)
    assert read(body).error == text
    assert read_lookup(body).error == text


def test_of_duplicate_keys_the_last_is_read() -> None:
    """As JavaScript and Python read them."""
    body = b'{"jobId":"%s","status":"PROCESSING","status":"FAILED","error":"a","error":"b"}' % JOB_ID.encode()
    report = read(body)
    assert (report.status, report.error) == (Status.FAILED, "b")


def test_a_lookup_needs_a_status_and_no_event() -> None:
    """An unknown one is no word about the job."""
    for status in (None, "PAUSED", "PENDING", 3):
        with pytest.raises(Unreadable, match="unknown status"):
            lookup({"id": JOB_ID, "status": status, "event": "completed"})


@pytest.mark.parametrize(
    ("given", "read_as"),
    [
        (0, 0), (45, 45), (100, 100), (45.9, 45), (-3, 0), (250, 100), (10**30, 100), (-(10**30), 0), ("80", 80),
        ("80.5", 80), (" 80 ", 80), ("80%", None), ("", None), (None, None), (True, None), ([45], None),
        ({"value": 45}, None), ("nan", None), ("inf", None), ("9" * 5000, None),
    ],
)  # fmt: skip
def test_progress_is_a_whole_number_from_0_to_100(given: Any, read_as: int | None) -> None:
    """Clamped; None for what is no number."""
    assert told(progress=given).progress == read_as


def test_progress_says_nothing_about_the_end() -> None:
    """100 % is not completion, and 0 % is no return."""
    assert told(progress=100).status is Status.PROCESSING
    assert told(status="FAILED", progress=0).status is Status.FAILED


A, D = "https://cdn.apiframe.ai/a.png", "https://cdn2.apiframe.ai/d.png"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"images": [A, D], "gridUrl": A}, Result(images=(A, D), grid_url=A)),
        ({"images": [A], "grid_url": D}, Result(images=(A,), grid_url=D)),
        ({"images": [A]}, Result(images=(A,))),
        ({"images": A}, Result(images=(A,))),
        ({"images": [None, "", 17, A, "nonsense"]}, Result(images=(A,))),
        ({"gridUrl": D}, Result(grid_url=D)),
        ({"images": [], "gridUrl": D}, Result(grid_url=D)),
        ({"images": [A], "gridUrl": 17}, Result(images=(A,))),
        (A, Result(images=(A,))),
        ([A, D], Result(images=(A, D))),
        ("HTTPS://CDN.apiframe.ai/A.png", Result(images=("HTTPS://CDN.apiframe.ai/A.png",))),
        (None, None),
        ("", None),
        ({}, None),
        ([], None),
        (0, None),
        (True, None),
        ({"images": None, "gridUrl": None}, None),
        ({"images": {}}, None),
    ],
)
def test_a_result_comes_in_several_forms(given: Any, expected: Result | None) -> None:
    """And always leaves as images and a grid, or as None where there is no URL in it."""
    assert result_of(given) == expected
    assert told(status="COMPLETED", result=given).result == expected


@pytest.mark.parametrize(
    "text",
    [
        "javascript:alert(1)",
        "data:image/png;base64,AAAA",
        "ftp://cdn.apiframe.ai/a.png",
        "//cdn.apiframe.ai/a.png",
        "/images/a.png",
        "https://",
        "https://a b",
        "https://a\nb",
        "https://a\x00",
        f" {A}",
        A + "x" * MAX_URL,
    ],
)
def test_what_is_no_web_address_is_no_image(text: str) -> None:
    """It will be shown as a link and fetched."""
    assert result_of({"images": [text], "gridUrl": text}) is None


@pytest.mark.parametrize(
    ("result", "kept"),
    [
        ({"images": [A], "seed": 7}, {"seed": 7}),
        ({"images": [A, {"url": D}]}, {"images": [{"url": D}]}),
        ({"images": [A], "gridUrl": {"url": D}}, {"gridUrl": {"url": D}}),
        ("still rendering", {"images": ["still rendering"]}),
        ({"videoUrl": A}, {"videoUrl": A}),
        (17, 17),
    ],
)
def test_what_else_came_with_a_result_is_kept(result: Any, kept: Any) -> None:
    """For the history: a form that nobody foresaw must not be lost."""
    assert told(status="COMPLETED", result=result).rest == {"result": kept}


def test_no_more_images_are_taken_than_anyone_could_want() -> None:
    """Four are expected."""
    found = result_of([f"{A}?{n}" for n in range(1000)])
    assert found is not None
    assert len(found.images) == MAX_URLS


@pytest.mark.parametrize(
    "fields",
    [
        {"error": "boom"},
        {"error": "  boom\n"},
        {"message": "boom"},
        {"error_message": "boom"},
        {"error": {"message": "boom"}},
        {"error": {"error": "boom"}},
        {"error": {"code": "boom"}},
        {"error": {"message": ["x"], "code": "boom"}},
        {"error": {"message": "boom", "code": "E17"}},
        {"error": None, "message": "boom"},
        {"error": "", "message": "boom"},
        {"error": {"detail": 3}, "message": "boom"},
    ],
)
def test_the_error_text_is_found_wherever_it_is(fields: dict[str, Any]) -> None:
    """In a text, in an object, under another name."""
    assert told(status="FAILED", **fields).error == "boom"


@pytest.mark.parametrize("error", [None, "", " ", 17, [], ["boom"], {}, {"message": None}, {"message": {"text": "x"}}])
def test_a_failure_needs_no_text(error: Any) -> None:
    """It is a failure all the same."""
    report = told(status="FAILED", error=error)
    assert (report.status, report.error) == (Status.FAILED, None)


def test_an_error_text_is_bounded() -> None:
    """It is stored, shown and published."""
    assert told(status="FAILED", error="x" * 100_000).error == "x" * MAX_TEXT


def test_a_job_that_did_not_fail_has_no_error() -> None:
    """Lookups carry `error: null`, and `message` may be anything; a cancellation may say why."""
    assert told(status="COMPLETED", message="Done!").error is None
    assert told(status="CANCELLED", error="by its owner").error == "by its owner"


@pytest.mark.parametrize(
    ("given", "read_as"),
    [(16, 16), (0, 0), (-1, None), (2**31, None), (1.5, None), (True, None), ("16", None), (None, None), ([], None)],
)
def test_a_credit_cost_is_a_whole_number_or_nothing(given: Any, read_as: int | None) -> None:
    """It is added up."""
    assert told(creditCost=given).credit_cost == read_as


@pytest.mark.parametrize(
    ("given", "read_as"),
    [
        ("2026-03-15T10:00:32.000Z", FINISHED),
        ("2026-03-15T10:00:32", FINISHED),
        ("2026-03-15T12:00:32+02:00", FINISHED),
        ("yesterday", None),
        ("", None),
        (1773568832, None),
        (None, None),
        ("0001-01-01T00:00:00+23:59", None),
        ("9999-12-31T23:59:59-23:59", None),
        ("2026-03-15T10:00:32+99:00", None),
    ],
)
def test_a_moment_is_utc_or_nothing(given: Any, read_as: datetime | None) -> None:
    """A time without a zone is upstream's own, and so UTC."""
    assert told(completedAt=given).completed_at == read_as


def test_expired_is_true_and_nothing_like_it() -> None:
    """It overrides our own reckoning."""
    values: list[Any] = [True, False, None, 1, "true", {}]
    assert [told(expired=value).expired for value in values] == [True] + [False] * 5


def test_a_lookup_tells_what_a_job_was_made_from() -> None:
    """What a stranger's record lacks, bounded; the mask is not among it, nor is anything that is no text."""
    submitted = {"action": "inpaint", "parentJobId": JOB_ID, "prompt": "p" * 5000, "mask": "AAAA", "index": 2}
    report = lookup({"id": JOB_ID, "status": "QUEUED", "input": submitted})
    assert report.origin == {"action": "inpaint", "parentJobId": JOB_ID, "prompt": "p" * MAX_TEXT}
    assert report.rest == {}
    strangers: list[Any] = [None, "text", [], {"prompt": 17}]
    for strange in strangers:
        assert lookup({"id": JOB_ID, "status": "QUEUED", "input": strange}).origin == {}


def test_unknown_fields_are_kept() -> None:
    """Ignored, but there to be seen."""
    assert told(region="eu", attempt={"n": 2}).rest == {"region": "eu", "attempt": {"n": 2}}


@pytest.mark.parametrize("value", ["x" * 100_000, ["é" * 1000], list(range(5000))], ids=["text", "escapes", "list"])
def test_too_much_to_keep_is_not_kept(value: Any) -> None:
    """The history says how much there was."""
    assert "characters" in told(extra=value).rest["omitted"]


@pytest.mark.parametrize("number", [b"1e999", b"-1e999"])
def test_a_number_beyond_all_bounds_is_not_kept(number: bytes) -> None:
    """It is valid JSON to read, and none to write."""
    body = b'{"jobId":"%s","status":"PROCESSING","progress":%s,"extra":[%s]}' % (JOB_ID.encode(), number, number)
    report = read(body)
    assert report.progress is None
    assert list(report.rest) == ["omitted"]


def assert_sane(report: Report) -> None:
    """What the rest of the code may rely on, whatever was sent."""
    assert len(report.upstream_job_id) == 36
    assert report.status is not Status.PENDING
    assert report.progress is None or 0 <= report.progress <= 100
    assert report.credit_cost is None or 0 <= report.credit_cost < 2**31
    assert report.completed_at is None or report.completed_at.tzinfo is UTC
    assert report.error is None or 0 < len(report.error) <= MAX_TEXT
    assert len(json.dumps(report.rest, allow_nan=False)) <= MAX_REST
    assert all(len(text) <= MAX_TEXT for text in report.origin.values())
    if report.result is not None:
        urls = [*report.result.images, *filter(None, [report.result.grid_url])]
        assert 0 < len(urls) <= MAX_URLS + 1
        assert all(len(url) <= MAX_URL and url.lower().startswith("http") for url in urls)


def assert_read_or_unreadable(body: bytes) -> None:
    for reader in (read, read_lookup):
        try:
            report = reader(body)
        except Unreadable:
            continue
        assert_sane(report)


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**400), 10**400)
    | st.floats()
    | st.text(st.characters(), max_size=50)
    | st.sampled_from([JOB_ID, A, "completed", "FAILED", "2026-03-15T10:00:32.000Z", "NaN", "1e999", "x" * 5000])
)
names = st.sampled_from(
    ["event", "type", "jobId", "id", "job_id", "status", "progress", "result", "error", "message", "error_message",
     "images", "gridUrl", "grid_url", "creditCost", "completedAt", "expired", "input", "action", "prompt", "other"]
)  # fmt: skip
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4), max_leaves=10
)
readable = st.fixed_dictionaries(
    {"jobId": st.just(JOB_ID), "status": st.sampled_from([status.value for status in Status])},
    optional=dict.fromkeys(("event", "progress", "result", "error", "creditCost", "completedAt", "other"), values),
)


@settings(deadline=None)
@given(body=st.binary(max_size=200))
@example(body=b'{"jobId":"' + JOB_ID.encode() + b'","status":"FAILED","x":' + b"[" * 150 + b"]" * 150 + b"}")
def test_any_bytes_are_read_or_unreadable(body: bytes) -> None:
    """Nothing else is ever raised."""
    assert_read_or_unreadable(body)


@settings(deadline=None, max_examples=300)
@given(document=st.dictionaries(names, values, max_size=8) | readable | values)
def test_any_document_is_read_or_unreadable(document: Any) -> None:
    """Made of the names we know, and of values that nobody would send."""
    assert_read_or_unreadable(json.dumps(document).encode())


@settings(deadline=None)
@given(document=readable.filter(lambda document: document["status"] != "PENDING" and "event" not in document))
def test_with_an_id_and_a_status_every_document_is_read(document: Any) -> None:
    """No hostile value in another field makes it unreadable, but NaN and its kin, which are no JSON."""
    body = json.dumps(document)
    assume("NaN" not in body and "Infinity" not in body)
    assert read(body.encode()).status == document["status"]

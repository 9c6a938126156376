"""Every refusal has its type, and carries the service's own words."""

import pickle
from collections.abc import Awaitable, Callable

import pytest
from inpaint_tracker_client import (
    AsyncTracker,
    Forbidden,
    InvalidInput,
    Job,
    JobFailed,
    NotConfigured,
    NotFound,
    Problem,
    Refused,
    TooLarge,
    Tracker,
    TrackerError,
    Unauthenticated,
    Unavailable,
    UnexpectedAnswer,
    WaitTimeout,
)
from inpaint_tracker_client.errors import REFUSALS

from tests.client.conftest import Connect
from tests.client.unruly import answers, unruly
from tests.town import Town


async def test_what_is_wrong_with_a_request_is_told_by_field(idle: Town, connect: Connect) -> None:
    """As it is spelled on the wire."""
    async with connect(idle) as tracker:
        with pytest.raises(InvalidInput) as caught:
            await tracker.submit("upsample", b"not an image", "x" * 2001, {"": "no name"})
    assert set(caught.value.errors) == {"parentJobId", "mask", "prompt", "labels"}
    assert caught.value.status == 422
    assert caught.value.request_id is not None
    assert caught.value.request_id in str(caught.value)


async def test_a_page_size_out_of_range_is_refused(idle: Town, connect: Connect) -> None:
    """Parameters are fields, too."""
    async with connect(idle) as tracker:
        with pytest.raises(InvalidInput) as caught:
            _ = [job async for job in tracker.list(page_size=1000)]
    assert set(caught.value.errors) == {"limit"}


async def test_a_body_that_is_too_large_is_refused(idle: Town, connect: Connect) -> None:
    """Though the service does not read all of it."""
    async with connect(idle) as tracker:
        with pytest.raises(TooLarge) as caught:
            await tracker.submit(idle.parent_id, bytes(10_000_000))
    assert caught.value.status == 413


Use = Callable[[AsyncTracker, Town], Awaitable[Job]]
SUBMIT: Use = lambda tracker, town: tracker.submit(town.parent_id, b"")  # noqa: E731
REFRESH: Use = lambda tracker, town: tracker.refresh(town.parent_id)  # noqa: E731


@pytest.mark.parametrize(("key", "use", "scope"), [("reader", SUBMIT, "submit"), ("editor", REFRESH, "ops")])
async def test_a_key_without_the_scope_is_forbidden(
    idle: Town, connect: Connect, key: str, use: Use, scope: str
) -> None:
    """The scope is named."""
    async with connect(idle, key) as tracker:
        with pytest.raises(Forbidden, match=f"'{scope}'"):
            await use(tracker, idle)


async def test_a_key_that_nobody_knows_is_told_so(idle: Town) -> None:
    """By its type."""
    async with AsyncTracker(str(idle.api.base_url), "nobody's") as tracker:
        with pytest.raises(Unauthenticated):
            await tracker.get(idle.parent_id)


@pytest.mark.parametrize("status", [*REFUSALS, 418])
async def test_each_status_has_its_type(connect: Connect, status: int) -> None:
    """An unknown 4xx is a plain refusal."""
    problem = {"status": status, "title": "No", "detail": "Never.", "requestId": "r1", "errors": {"a": ["b"]}, "new": 1}
    async with unruly(answers(status, problem)) as server, connect(server.url, retries=0) as tracker:
        with pytest.raises(Refused) as caught:
            await tracker.get("0198")
    assert type(caught.value) is REFUSALS.get(status, Refused)
    assert (caught.value.title, caught.value.detail, caught.value.errors) == ("No", "Never.", {"a": ["b"]})
    assert str(caught.value) == f"{status} No: Never. [request r1]"


@pytest.mark.parametrize(
    "body", [b"<html>Not here</html>", b"[]", b'{"errors": "odd", "detail": 7}', b'{"detail": "Not Found"}', b""]
)
@pytest.mark.parametrize("status", [401, 404, 409])
async def test_a_refusal_by_something_else_says_nothing_about_a_job(connect: Connect, status: int, body: bytes) -> None:
    """A wrong host's page is no `no such job`."""
    async with unruly(answers(status, body)) as server, connect(server.url) as tracker:
        with pytest.raises(UnexpectedAnswer, match=rf"^an answer {status} .* not the service's; check the url$"):
            await tracker.get("0198")


@pytest.mark.parametrize(
    "act",
    [
        answers(200, b"<html>Welcome</html>", Content_Type="text/html"),
        answers(200, {"jobs": []}),
        answers(204),
        answers(302, Location="http://127.0.0.1:1/elsewhere"),
    ],
)
async def test_an_answer_that_is_not_the_services_is_told(connect: Connect, act: object) -> None:
    """A redirect is not followed: the key goes nowhere else."""
    async with unruly(act) as server, connect(server.url) as tracker:  # type: ignore[arg-type]  # an Act
        with pytest.raises(UnexpectedAnswer, match="check the url"):
            await tracker.get("0198")


@pytest.mark.parametrize("document", [{"jobs": [{"no": "id"}]}, {"events": []}, {"jobs": 7}, []])
async def test_a_list_that_is_none_is_told(connect: Connect, document: object) -> None:
    """Not mistaken for an empty one."""
    async with unruly(answers(200, document)) as server, connect(server.url) as tracker:
        with pytest.raises(UnexpectedAnswer):
            _ = [job async for job in tracker.list()]


@pytest.mark.parametrize("wrong", ["", ".", ".."])
async def test_an_id_that_is_none_is_not_sent(connect: Connect, wrong: str) -> None:
    """It would be another address."""
    async with unruly(answers(200)) as server, connect(server.url) as tracker:
        with pytest.raises(ValueError, match="id of a job"):
            await tracker.get(wrong)
        with pytest.raises(UnexpectedAnswer):
            await tracker.get("../stats?x#y")
    assert [request.target for request in server.requests] == ["/v1/jobs/..%2Fstats%3Fx%23y"]


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("", "k"), ("tracker.example.com", "k"), ("ftp://tracker", "k"), ("http://", "k"), ("http://x:port", "k"),
        ("http://me:pass@tracker", "k"), ("http://tracker?x=1", "k"),
        ("http://tracker", ""), ("http://tracker", " "), ("http://tracker", "schlüssel"), ("http://tracker", "a\nb"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", [Tracker, AsyncTracker])
def test_a_tracker_that_cannot_work_is_not_made(
    monkeypatch: pytest.MonkeyPatch, kind: Callable[[str, str], object], url: str, key: str
) -> None:
    """The message says what to set, and does not repeat what may be secret."""
    monkeypatch.delenv("TRACKER_URL", raising=False)
    monkeypatch.delenv("TRACKER_API_KEY", raising=False)
    with pytest.raises(NotConfigured, match=r"TRACKER_URL|TRACKER_API_KEY") as caught:
        kind(url, key)
    assert "pass@" not in str(caught.value)
    assert "schl" not in str(caught.value)


def test_errors_cross_processes() -> None:
    """They are pickled and unpickled as they are, as task queues do."""
    job = Job(id="0198", status="FAILED")
    problem = Problem(status=404, title="Not found", request_id="r1")
    for error in (NotFound(problem), Unavailable(problem), Unavailable("cut"), WaitTimeout(job), JobFailed(job)):
        again = pickle.loads(pickle.dumps(error))
        assert isinstance(again, TrackerError)
        assert (type(again), str(again), again.request_id) == (type(error), str(error), error.request_id)

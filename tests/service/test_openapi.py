"""The API's description: valid, complete, and true of the service that runs."""

import base64
import hashlib
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from html import escape
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import jsonschema_rs
import pytest
import schemathesis
import structlog
from anyio.from_thread import start_blocking_portal
from hypothesis import HealthCheck, settings
from schemathesis import Case
from schemathesis.config import SchemathesisConfig

from service.app import ROUTES, Access
from service.docs import CSP, page
from service.openapi import camel, document, told
from service.problems import TYPE
from service.reference import samples
from service.reference.operations import OPERATIONS
from service.reference.schemas import PARTS
from tests import invariants
from tests.door import KEYS, key, signed
from tests.fuzz.calls import Place, call
from tests.town import town
from tracker import errors
from tracker.store.connection import connect
from tracker.submission import judge

PARAGRAPHS = dict(
    re.findall(r"(?ms)^## (\S+)\n\n(.*?)(?=^## |\Z)", (Path(__file__).parents[2] / "docs/errors.md").read_text("utf-8"))
)
DOCUMENT = document(ROUTES)
NAMES = [f"{route.method} {route.path}" for route in ROUTES]
CONFIG = SchemathesisConfig.from_dict(
    {
        "generation": {"deterministic": True, "max-examples": 12, "database": "none"},
        "checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", "304", "401", "403", "404", "409"]}},
    }
)
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT, config=CONFIG)


def resolved(given: dict[str, Any]) -> dict[str, Any]:
    """What a reference stands for."""
    found: Any = DOCUMENT
    for step in given["$ref"].split("/")[1:] if "$ref" in given else ():
        found = found[step]
    return given if found is DOCUMENT else found


def operations() -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def bodies() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every body that is shown, of requests and of answers."""
    for name, operation in operations():
        parts = [*operation["responses"].values(), operation.get("requestBody", {})]
        for part in parts:
            for media in resolved(part).get("content", {}).values():
                yield name, media


def codes(operation: dict[str, Any], status: int) -> set[str]:
    """Of the problems that an operation answers with this status."""
    content = resolved(operation["responses"].get(str(status), {})).get("content", {})
    examples = content.get("application/problem+json", {}).get("examples", {})
    return {example["value"]["type"].removeprefix(TYPE) for example in examples.values()}


def test_the_document_is_valid_openapi_3_1() -> None:
    """By the specification's own schema."""
    assert DOCUMENT["openapi"].startswith("3.1.")
    SCHEMA.validate()


def test_every_route_is_described_and_nothing_else() -> None:
    """An operation for each, and no words for what is not there."""
    assert {name for name, _ in operations()} == {f"{route.method} {camel(route.path)}" for route in ROUTES}
    assert set(OPERATIONS) == set(NAMES)
    assert len({operation["operationId"] for _, operation in operations()}) == len(ROUTES)


@pytest.mark.parametrize("route", ROUTES, ids=NAMES)
def test_every_route_says_what_it_does(route: Any) -> None:
    """In one line, and then in more."""
    summary, _ = told(route)
    assert re.fullmatch(r"[A-Z][^`\n]{5,70}[^.]", summary)


@pytest.mark.parametrize("route", ROUTES, ids=NAMES)
def test_the_scope_of_the_route_table_is_the_one_that_is_told(route: Any) -> None:
    """As a role of both schemes, and in words; none for what is public."""
    operation = DOCUMENT["paths"][camel(route.path)][route.method.lower()]
    scopes = {scope for need in operation["security"] for scopes in need.values() for scope in scopes}
    held = {route.scope, route.or_scope} - {None} if isinstance(route, Access) else set()
    assert scopes == held
    assert all(f"`{scope}`" in operation["description"] for scope in scopes)


def test_every_example_is_what_its_schema_says() -> None:
    """Of bodies, answers, parameters and problems."""
    for name, media in bodies():
        validator = jsonschema_rs.validator_for({**media["schema"], "components": DOCUMENT["components"]})
        for example in media.get("examples", {}).values():
            assert not list(validator.iter_errors(example["value"])), (name, example)
    for parameter in DOCUMENT["components"]["parameters"].values():
        schema = {**parameter["schema"], "components": DOCUMENT["components"]}
        shown = [parameter["example"]] if "example" in parameter else parameter["schema"].get("examples", [])
        for value in shown:
            jsonschema_rs.validate(schema, value)


def test_the_mask_that_is_shown_is_one() -> None:
    """Whoever copies it gets a job."""
    assert judge(samples.SUBMISSION).mask.facts.model_dump() == samples.PENDING["mask"]


def test_every_field_has_its_words_and_no_words_lack_a_field() -> None:
    """In every schema."""
    for name, schema in DOCUMENT["components"]["schemas"].items():
        for field, part in schema.get("properties", {}).items():
            assert part.get("description"), f"{name}.{field}"
    for name, parts in PARTS.items():
        assert set(parts) <= set(DOCUMENT["components"]["schemas"][name]["properties"])


def test_every_error_is_listed() -> None:
    """As an answer that any tool can show; and by each operation that gives it."""
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.TrackerError)}
    shown = {type(error) for error in samples.REFUSALS}
    assert kinds - shown == {errors.ConfigurationError, errors.Unavailable}
    listed = {code for _, operation in operations() for status in range(400, 600) for code in codes(operation, status)}
    assert listed == {kind.code for kind in shown} - {errors.MethodNotAllowed.code}


@pytest.mark.parametrize("route", ROUTES, ids=NAMES)
def test_what_every_guarded_route_can_answer_is_listed(route: Any) -> None:
    """401, 403 and 422 where a key is needed; 431 and 500 everywhere."""
    operation = DOCUMENT["paths"][camel(route.path)][route.method.lower()]
    assert (codes(operation, 431), codes(operation, 500)) == ({"headers-too-large"}, {"internal"})
    if isinstance(route, Access):
        told = {status: codes(operation, status) for status in (401, 403, 406)}
        assert told == {401: {"unauthenticated"}, 403: {"forbidden"}, 406: {"not-acceptable"}}
        assert "invalid-input" in codes(operation, 422)


async def test_both_are_served_without_a_key(api: httpx.AsyncClient) -> None:
    """The document for tools, the page for people."""
    found, shown = await api.get("/openapi.json"), await api.get("/docs")
    assert (found.headers["content-type"], found.json()) == ("application/json", DOCUMENT)
    assert shown.headers["content-type"] == "text/html; charset=utf-8"
    assert shown.headers["content-security-policy"] == CSP
    assert [(await api.get(f"{path}?x=1")).status_code for path in ("/openapi.json", "/docs")] == [422, 422]


def test_the_page_shows_everything_and_loads_nothing() -> None:
    """One style, named by its digest; every link leads somewhere on the page."""
    html = page(DOCUMENT)
    for _, operation in operations():
        assert f"id='{operation['operationId']}'" in html
    assert not re.search(r"<(script|link|img|iframe)|url\(|@import|\son\w+=|style=", html)
    [style] = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    assert base64.b64encode(hashlib.sha256(style.encode()).digest()).decode() in CSP
    places = re.findall(r" id='([^']+)'", html)
    assert len(places) == len(set(places))
    assert set(re.findall(r"href='#([^']+)'", html)) <= set(places)
    assert not re.search(r"href='(?!#|/openapi\.json')", html)


@pytest.mark.parametrize("error", samples.REFUSALS, ids=lambda error: type(error).__name__)
def test_the_type_of_a_problem_leads_to_its_paragraph(error: errors.TrackerError) -> None:
    """On the page, and in the words of docs/errors.md."""
    path, _, word = samples.problem_of(error)["type"].partition("#")
    assert path in {route.path for route in ROUTES}
    [shown] = re.findall(rf"<article id='{word}'>(.*?)</article>", page(DOCUMENT), re.DOTALL)
    paragraph = PARAGRAPHS[word]
    assert f"<code>{error.status}</code>" in shown
    assert "<strong>Try again:</strong>" in shown
    assert escape(re.split(r"[`*]", paragraph)[-1].strip()) in shown


# Schemathesis, over real HTTP against the whole town: service, worker, stand-in for Apiframe and Redis


@contextmanager
def quiet() -> Iterator[None]:
    """The service's log comes from another thread, and after the answer: between tests, where nothing catches it."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    try:
        yield
    finally:
        structlog.reset_defaults()


@pytest.fixture(scope="module")
def place(redis_url: str) -> Iterator[Place]:
    """With a job that was completed and one that was refused; what must hold in Redis is looked at in the end."""
    with quiet(), start_blocking_portal() as portal:
        portal.call(_emptied, redis_url)
        with portal.wrap_async_context_manager(town(redis_url)) as here:
            asked = [portal.call(here.submit), portal.call(partial(here.submit, parentJobId=str(uuid4())))]
            jobs = [portal.call(here.end_of, job) for job in asked]
            assert [job["status"] for job in jobs] == ["COMPLETED", "FAILED"]
            entry_ids = portal.call(_quarantined, here.api)
            yield Place(str(here.api.base_url), [job["id"] for job in jobs], entry_ids)
        portal.call(_checked, redis_url)


async def _quarantined(api: httpx.AsyncClient) -> list[str]:
    """Some that can never be read, as text and in base64."""
    for body in (b"{", b"\xff", b'{"event":"exploded"}') * 3:
        (await api.post("/webhooks/apiframe", **signed(body))).raise_for_status()
    listed = await api.get("/v1/quarantine", headers=key("ops"))
    return [entry["id"] for entry in listed.json()["entries"]]


async def _emptied(redis_url: str) -> None:
    async with connect(redis_url) as redis:
        await redis.flushall()


async def _checked(redis_url: str) -> None:
    async with connect(redis_url) as redis:
        await invariants.check(redis)


@pytest.mark.parametrize("owner", [*KEYS, None])
@SCHEMA.parametrize()
@settings(suppress_health_check=list(HealthCheck), deadline=None)
def test_nothing_is_answered_that_is_not_described(case: Case[Any], owner: str | None, place: Place) -> None:
    """Whoever asks, and whatever: no 5xx, no status, header, media type or body but those in the document."""
    call(case, owner, place)

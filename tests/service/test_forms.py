"""`multipart/form-data`: the mask as a file."""

import base64
import json
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from tests.door import assert_problem, key, mask_png
from tracker.store.keys import name

PARENT = "c3d4e5f6-a7b8-4012-8def-345678901234"
FILE = ("mask.png", mask_png(), "image/png")


async def sent(api: httpx.AsyncClient, fields: dict[str, Any], mask: Any = FILE) -> httpx.Response:
    files = {"mask": mask} if mask else {"nothing": (None, "")}
    return await api.post("/v1/jobs", data=fields, files=files, headers=key("editor"))


async def test_a_form_makes_the_same_job_as_json(api: httpx.AsyncClient) -> None:
    """Labels as a JSON object or as fields of their own."""
    for labels in ({"labels": json.dumps({"order": "8"})}, {"label.order": "8"}):
        answer = await sent(api, {"parentJobId": PARENT, "prompt": "x", **labels})
        job = answer.json()
        assert answer.status_code == 202, answer.text
        assert (job["prompt"], job["labels"], job["mask"]["width"]) == ("x", {"order": "8"}, 64)


async def test_the_mask_may_be_a_field_with_base64_too(api: httpx.AsyncClient) -> None:
    """As in JSON."""
    fields = {"parentJobId": PARENT, "mask": base64.b64encode(mask_png()).decode()}
    answer = await api.post(
        "/v1/jobs", files={name: (None, text) for name, text in fields.items()}, headers=key("editor")
    )
    assert answer.status_code == 202, answer.text


@pytest.mark.parametrize(
    ("fields", "mask", "field"),
    [
        ({"parentJobId": PARENT}, None, "mask"),
        ({"parentJobId": PARENT}, ("mask.png", b"no image", "image/png"), "mask"),
        ({}, FILE, "parentJobId"),
        ({"parentJobId": PARENT, "colour": "red"}, FILE, "colour"),
        ({"parentJobId": PARENT, "labels": "{"}, FILE, "labels"),
        ({"parentJobId": PARENT, "labels": "[1]"}, FILE, "labels"),
        ({"parentJobId": [PARENT, PARENT]}, FILE, "parentJobId"),
    ],
)
async def test_a_field_at_fault_is_named(
    api: httpx.AsyncClient, redis: Redis, fields: dict[str, Any], mask: Any, field: str
) -> None:
    """422, and nothing is held."""
    assert_problem(await sent(api, fields, mask), 422, field=field)
    assert set(await redis.keys("*")) == {name("instance").encode(), name("layout").encode()}


@pytest.mark.parametrize("media", ["multipart/form-data", "multipart/form-data; boundary=x"])
async def test_a_form_that_cannot_be_read_is_a_bad_request(api: httpx.AsyncClient, media: str) -> None:
    """400."""
    headers = {**key("editor"), "Content-Type": media}
    assert_problem(await api.post("/v1/jobs", content=b"--y\r\nnonsense", headers=headers), 400)


async def test_a_form_above_the_limit_is_refused(api: httpx.AsyncClient) -> None:
    """413."""
    assert_problem(await sent(api, {"parentJobId": PARENT}, ("m.png", b"x" * 12_300_000, "image/png")), 413)


async def test_both_ways_share_an_idempotency_key(api: httpx.AsyncClient) -> None:
    """What counts is what was asked for."""
    headers = {**key("editor"), "Idempotency-Key": "order-8"}
    body = {"parentJobId": PARENT, "mask": base64.b64encode(mask_png()).decode()}
    first = await api.post("/v1/jobs", json=body, headers=headers)
    second = await api.post("/v1/jobs", data={"parentJobId": PARENT}, files={"mask": FILE}, headers=headers)
    assert (second.status_code, second.json()["id"]) == (202, first.json()["id"])


@pytest.mark.parametrize("labels", ["[1]", "null", "[" * 5000, "7", '"x"'])
async def test_labels_that_are_no_object_are_named(api: httpx.AsyncClient, labels: str) -> None:
    """Also beside fields of their own."""
    answer = await sent(api, {"parentJobId": PARENT, "labels": labels, "label.a": "x"})
    assert_problem(answer, 422, field="labels")


TEXT = ("note.txt", b"hello", "text/plain")


@pytest.mark.parametrize("field", ["prompt", "labels", "label.order", "colour", "parentJobId", "action"])
async def test_a_file_where_text_belongs_is_refused_by_name(api: httpx.AsyncClient, field: str) -> None:
    """`curl -F prompt=@note.txt` for `-F prompt=<note.txt`: dropped in silence, it would cost credits for nothing."""
    files = {"mask": FILE, field: TEXT}
    data = {} if field == "parentJobId" else {"parentJobId": PARENT}
    answer = await api.post("/v1/jobs", data=data, files=files, headers=key("editor"))
    assert_problem(answer, 422, field=field)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"label.order": ""}, "label.order"),
        ({"label.order": "x" * 64}, "label.order"),
        ({"label.": "x"}, "label."),
        ({"label.a": "1", "labels": '{"a": "2"}'}, "label.a"),
        ({f"label.{n}": "x" for n in range(20)}, "labels"),
    ],
)
async def test_a_label_at_fault_is_named_as_it_was_sent(
    api: httpx.AsyncClient, fields: dict[str, str], field: str
) -> None:
    """As a part of its own."""
    assert_problem(await sent(api, {"parentJobId": PARENT, **fields}), 422, field=field)


async def test_all_that_is_wrong_with_a_form_is_told_at_once(api: httpx.AsyncClient) -> None:
    """Of its parts, of the fields, of the mask, of the parameters and of the Idempotency-Key."""
    parts: list[Any] = [("mask", ("m.png", b"no image", "image/png")), ("prompt", TEXT), ("label.a", (None, b"")),
             ("colour", (None, b"red")), ("parentJobId", (None, b"x")), ("parentJobId", (None, b"y"))]  # fmt: skip
    headers = {**key("editor"), "Idempotency-Key": "x" * 256}
    problem = assert_problem(await api.post("/v1/jobs?wait=1", files=parts, headers=headers), 422)
    assert set(problem["errors"]) == {
        "mask", "prompt", "label.a", "colour", "parentJobId", "wait", "Idempotency-Key",
    }  # fmt: skip

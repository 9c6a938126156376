"""Submit bodies are as strict as upstream's schema."""

from typing import Any

import pytest

from tests.sandbox.actors import UNKNOWN_ID, Caller, mask

PARENT = {"parentJobId": UNKNOWN_ID}
GENERATE = {"prompt": "a lake", "model": "midjourney"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({**GENERATE, "seed": 1}, "seed"),
        ({**GENERATE, "midjourneyParams": {"aspect_ratio": "1:1", "stylize": 100}}, "midjourneyParams.stylize"),
        ({**GENERATE, "midjourneyParams": {"aspect_ratio": "wide"}}, "midjourneyParams.aspect_ratio"),
        ({**GENERATE, "model": "flux"}, "model"),
        ({"model": "midjourney"}, "prompt"),
        ({**GENERATE, "prompt": ""}, "prompt"),
        ({**GENERATE, "prompt": "x" * 2001}, "prompt"),
        ({**GENERATE, "prompt": None}, "prompt"),
        ({**GENERATE, "webhookUrl": "not a url"}, "webhookUrl"),
        ({**GENERATE, "webhookUrl": None}, "webhookUrl"),
        ({**GENERATE, "webhookUrl": "https://example.com", "webhookEvents": []}, "webhookEvents"),
        ({**GENERATE, "webhookUrl": "https://example.com", "webhookEvents": ["done"]}, "webhookEvents.0"),
    ],
)
async def test_a_generation_with_a_wrong_field_is_refused(apiframe: Caller, body: Any, field: str) -> None:
    """400 with `details`, keyed by path."""
    answer = await apiframe.submit(body, "generate")
    assert (answer.status_code, list(answer.json()["details"])) == (400, [field])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({**PARENT}, "action"),
        ({**PARENT, "action": "zoom"}, "action"),
        ({**PARENT, "action": "upsample"}, "index"),
        ({**PARENT, "action": "upsample", "index": "2"}, "index"),
        ({**PARENT, "action": "upsample", "index": 5}, "index"),
        ({**PARENT, "action": "upsample", "index": True}, "index"),
        ({**PARENT, "action": "upsample", "index": 1, "prompt": "x"}, "prompt"),
        ({**PARENT, "action": "variation", "index": 1.5}, "index"),
        ({**PARENT, "action": "inpaint"}, "mask"),
        ({**PARENT, "action": "inpaint", "mask": ""}, "mask"),
        ({**PARENT, "action": "inpaint", "mask": mask(), "prompt": "x" * 2001}, "prompt"),
        ({**PARENT, "action": "inpaint", "mask": mask(), "model": "midjourney"}, "model"),
        ({"action": "inpaint", "mask": mask()}, "parentJobId"),
        ({"action": "inpaint", "mask": mask(), "parentJobId": "7"}, "parentJobId"),
        ({**PARENT, "action": "outpaint", "zoomRatio": 3}, "zoomRatio"),
        ({**PARENT, "action": "outpaint", "zoomRatio": "2"}, "zoomRatio"),
        ({**PARENT, "action": "pan", "direction": "north"}, "direction"),
        ({**PARENT, "action": "pan", "direction": "up", "webhookEvents": []}, "webhookEvents"),
    ],
)
async def test_an_action_with_a_wrong_field_is_refused(apiframe: Caller, body: Any, field: str) -> None:
    """400 with `details`, before the parent is looked for."""
    answer = await apiframe.submit(body)
    assert (answer.status_code, list(answer.json()["details"])) == (400, [field])


async def test_a_prompt_too_long_is_told_in_upstreams_words(apiframe: Caller) -> None:
    """This text was seen in a real answer."""
    answer = await apiframe.generate("x" * 2001)
    assert answer.json() == {
        "error": "Validation failed",
        "details": {"prompt": ["Too big: expected string to have <=2000 characters"]},
    }


async def test_an_unknown_field_is_named(apiframe: Caller) -> None:
    """In the manner of Zod."""
    answer = await apiframe.generate(webhook_url="https://example.com")
    assert answer.json()["details"] == {"webhook_url": ['Unrecognized key: "webhook_url"']}


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b"[]", b'"inpaint"', b"null"])
async def test_what_is_no_json_object_is_refused(apiframe: Caller, raw: bytes) -> None:
    """400, never 500."""
    answer = await apiframe.http.post("/v2/images/midjourney/action", content=raw)
    assert answer.status_code == 400


async def test_whole_numbers_may_be_written_with_a_point(apiframe: Caller) -> None:
    """JSON knows one kind of number: 2.0 is 2. Only the parent is at fault here."""
    bodies: list[Any] = [
        {**PARENT, "action": "upsample", "index": 2.0},
        {**PARENT, "action": "outpaint", "zoomRatio": 2},
    ]
    assert [(await apiframe.submit(body)).status_code for body in bodies] == [404, 404]


async def test_a_body_beyond_all_limits_is_a_413(apiframe: Caller) -> None:
    """The longest mask fits, not much more."""
    answer = await apiframe.http.post("/v2/images/midjourney/action", content=b" " * 12_200_000)
    assert answer.status_code == 413

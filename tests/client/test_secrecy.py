"""Neither the key nor a mask is ever written down."""

import base64
import logging
import traceback

import inpaint_tracker_client
import pytest
from inpaint_tracker_client import AsyncTracker, Tracker, Unavailable
from inpaint_tracker_client.calls import submit

from tests.client.conftest import Connect
from tests.client.unruly import answers, cut, unruly
from tests.door import KEYS

KEY = KEYS["editor"][0]
MASK = b"a mask that nobody else should see"
PACKAGE = inpaint_tracker_client.__path__[0]
SECRETS = (KEY, MASK.decode(), base64.b64encode(MASK).decode())


async def test_nothing_secret_is_logged(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    """With every logger of the process at its most talkative."""
    caplog.set_level(logging.DEBUG)
    taken = answers(202, {"id": "1", "status": "PENDING"})
    async with unruly(cut, answers(503), taken) as server, connect(server.url) as tracker:
        await tracker.submit("c3d4", MASK)
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert caplog.records
    assert not any(secret in caplog.text for secret in SECRETS)


async def test_nothing_secret_is_shown() -> None:
    """Not by a tracker, nor by what it holds, nor by a call."""
    sync, aio = Tracker("http://tracker", KEY), AsyncTracker("http://tracker", KEY)
    call = submit("c3d4", MASK, None, None, None)
    shown = [repr(it) for it in (sync, aio, vars(sync), vars(aio), sync._http.headers, aio._http.headers, call)]
    sync.close()
    await aio.aclose()
    assert shown[:2] == ["Tracker('http://tracker')", "AsyncTracker('http://tracker')"]
    assert not any(secret in text for secret in SECRETS for text in shown)


async def test_a_traceback_with_all_variables_does_not_hold_the_key(connect: Connect) -> None:
    """As error trackers record it."""
    async with unruly(cut) as server, connect(server.url, retries=0) as tracker:
        with pytest.raises(Unavailable) as caught:
            await tracker.get("0198")
    ours = [frame for frame, _ in traceback.walk_tb(caught.value.__traceback__) if PACKAGE in frame.f_code.co_filename]
    assert ours
    assert not any(KEY in repr(value) for frame in ours for value in frame.f_locals.values())
    assert caught.value.__context__ is None

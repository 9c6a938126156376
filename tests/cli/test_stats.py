"""`stats`: how it goes, once or live, for people and for scripts."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest

from cli.exits import Exit
from cli.figures import line, summary
from tests.cli.command import run, start
from tests.cli.terminal import on_terminal
from tests.client.unruly import answers, cut, unruly
from tests.door import KEYS, key, submission
from tests.town import Town, town

FIGURES: dict[str, Any] = {
    "at": "2026-11-26T10:00:00.000Z",
    "jobs": {"PENDING": 3, "QUEUED": 0, "PROCESSING": 1, "COMPLETED": 1992, "FAILED": 8, "CANCELLED": 0},
    "inFlight": 2, "maxInFlight": 50, "oldestInFlightAt": "2026-11-26T09:59:48.000Z",
    "queueDepth": 3, "queueDepthByOwner": {"shop": 1, "editor": 2},
    "webhooksPerMinute": {"applied": 12, "duplicate": 1},
    "webhooksByMinute": [{"at": "2026-11-26T09:58:00.000Z", "outcomes": {}},
                         {"at": "2026-11-26T09:59:00.000Z", "outcomes": {"applied": 12, "duplicate": 1}}],
    "lostWebhooks": {"lastHour": 2, "due": 118, "rate": 0.0169},
    "timeToComplete": {"jobs": 992, "p50": 31.2, "p95": 60.1, "p99": 80.0},
    "creditsSpent": {"today": 160, "last30Days": 4800, "byDay": [{"day": "2026-11-26", "credits": 160}]},
    "paused": None, "held": None,
}  # fmt: skip
EMPTY: dict[str, Any] = {
    **FIGURES, "jobs": dict.fromkeys(FIGURES["jobs"], 0), "inFlight": 0, "oldestInFlightAt": None, "queueDepth": 0,
    "queueDepthByOwner": {}, "webhooksPerMinute": {}, "webhooksByMinute": [],
    "lostWebhooks": {"lastHour": 0, "due": 0, "rate": None},
    "timeToComplete": {"jobs": 0, "p50": None, "p95": None, "p99": None},
    "creditsSpent": {"today": 0, "last30Days": 0, "byDay": []},
}  # fmt: skip


@pytest.fixture
async def idle(redis: object, redis_url: str) -> AsyncIterator[Town]:
    async with town(redis_url, worker=False) as running:
        yield running


def test_a_summary_is_a_line_a_figure() -> None:
    """With what people ask next: for how long, whose, and how much of it."""
    assert str(summary(FIGURES, None)).splitlines() == [
        "Jobs        3 pending, 1 processing, 1,992 completed, 8 failed",
        "In flight   2 of 50, the oldest for 12s",
        "Queue       3 waiting: editor 2, shop 1",
        "Webhooks    13 a minute: 12 applied, 1 duplicate",
        "Lost        2 of 118 webhooks in the last hour (1.7%)",
        "Time        p50 31.2 s, p95 60.1 s, p99 80.0 s (992 jobs in 24 h)",
        "Credits     160 today, 4,800 in 30 days",
        "Submitting  goes on",
    ]


def test_nothing_is_told_as_nothing() -> None:
    """Of a service that has just begun."""
    assert [text[12:] for text in str(summary(EMPTY, 80)).splitlines()] == [
        "none", "0 of 50", "0 waiting", "0 a minute", "no webhook was due in the last hour",
        "no job completed in the last 24 h", "0 today, 0 in 30 days", "goes on",
    ]  # fmt: skip
    assert line(EMPTY).split()[-5:] == ["p50=-", "p95=-", "p99=-", "creditsToday=0", "paused=no"]


@pytest.mark.parametrize(
    ("stopped", "words"),
    [
        ({"paused": {"cause": "operator", "reason": "new\nprices", "since": "2026-11-26T09:00:00Z", "by": "ops"}},
         "paused by ops for 1h: new prices"),
        ({"paused": {"cause": "credits", "reason": "none left", "since": "2026-11-26T09:59:00Z", "by": None}},
         "paused (credits) for 1m: none left"),
        ({"held": {"reason": "429", "seconds": 12.5}}, "held for 12 s: 429"),
    ],
)  # fmt: skip
def test_who_stopped_submissions_and_why_is_told(stopped: dict[str, Any], words: str) -> None:
    """On one line."""
    assert str(summary({**FIGURES, **stopped}, None)).splitlines()[-1] == f"Submitting  {words}"


@pytest.mark.parametrize("width", [40, 80, 200])
def test_on_a_terminal_it_fits(width: int) -> None:
    """With a drawing where there is room."""
    busy = [{"at": "x", "outcomes": {"applied": n}} for n in range(60)]
    shown = str(summary({**FIGURES, "webhooksByMinute": busy}, width)).splitlines()
    assert all(len(text) <= width for text in shown)
    assert ("█" in shown[3]) == (width > 40)


async def test_it_is_shown_once(idle: Town) -> None:
    """As a summary, or as the service's own document; over what the key may see."""
    await idle.submit()
    (await idle.api.post("/v1/jobs", json=submission(), headers=key("shop"))).raise_for_status()
    code, out, err = await run(idle, "stats")
    assert (code, err, out.splitlines()[0]) == (0, "", "Jobs        1 pending")
    code, out, _ = await run(idle, "stats", "--json", key=KEYS["auditor"][0])
    assert (code, json.loads(out)["queueDepthByOwner"]) == (0, {"editor": 1, "shop": 1})
    code, _, err = await run(idle, "stats", key="wrong")
    assert (code, len(err.splitlines())) == (Exit.REFUSED, 1)


@pytest.mark.parametrize("as_json", [True, False], ids=["json", "plain"])
async def test_live_is_a_line_a_second(idle: Town, as_json: bool) -> None:
    """An object, or `name=value`; until somebody stops it."""
    options = ["--json"] if as_json else []
    url, its_key = str(idle.settings.public_url), KEYS["editor"][0]
    process = await start("stats", "--live", *options, TRACKER_URL=url, TRACKER_API_KEY=its_key)
    assert process.stdout is not None
    lines = [(await process.stdout.readline()).decode()]
    await idle.submit()
    lines += [(await process.stdout.readline()).decode() for _ in range(2)]
    process.send_signal(signal.SIGINT)
    assert (await process.communicate())[1] == b"Stopped.\n"
    assert process.returncode == Exit.INTERRUPTED
    read = [json.loads(text)["jobs"]["PENDING"] if as_json else int(text.split()[1][-1]) for text in lines]
    assert read == [0, 1, 1]
    times = [datetime.fromisoformat(json.loads(text)["at"] if as_json else text.split()[0]) for text in lines]
    assert 1.5 < (times[2] - times[0]).total_seconds() < 5


async def test_live_on_a_terminal_is_drawn_in_place(idle: Town) -> None:
    """One picture, which stays when it is stopped; and the cursor is back."""
    async with on_terminal(idle, "stats", "--live") as terminal:
        await terminal.until(lambda lines: any(text.startswith("Jobs        none") for text in lines))
        await idle.submit()
        lines = await terminal.until(lambda lines: any(text.startswith("Jobs        1 pending") for text in lines))
        assert sum(text.startswith("Jobs") for text in lines) == 1
        assert await terminal.stop() == Exit.INTERRUPTED
        assert terminal.screen()[-1] == "Stopped."
        assert terminal.written.rindex(b"\x1b[?25h") > terminal.written.rindex(b"\x1b[?25l")


async def test_live_outlives_an_outage() -> None:
    """It says once that nobody answers, and goes on; who never answered is not waited for."""
    acts = [answers(200, FIGURES), *[cut] * 6, answers(200, FIGURES)]
    async with unruly(*acts) as server:
        process = await start("stats", "--live", "--json", TRACKER_URL=server.url, TRACKER_API_KEY="k")
        assert process.stdout is not None
        async with asyncio.timeout(30):
            lines = [await process.stdout.readline() for _ in range(2)]
        process.send_signal(signal.SIGINT)
        _, err = await process.communicate()
    assert all(lines)
    first, last = err.decode().splitlines()
    assert (first.startswith(f"{server.url} cannot be reached: "), first.endswith("; trying on."), last) == (
        True, True, "Stopped."
    )  # fmt: skip
    async with unruly(answers(200, {"jobs": {}})) as server:
        code, _, err_text = await run(server.url, "stats", "--live")
    assert (code, "check TRACKER_URL" in err_text) == (Exit.UNREACHABLE, True)

"""`list`: filters, pages, and how it looks where."""

import asyncio
import json
import os
import pty
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.cli.command import NOWHERE, run
from tests.door import KEYS, key, submission
from tests.processes import environment
from tests.town import Town, town

COUNT = 105
"""More than a page."""


@asynccontextmanager
async def filled(redis_url: str, count: int) -> AsyncIterator[Town]:
    """A service with jobs of the editor's, and one of the shop's; nobody works at them."""
    async with town(redis_url, worker=False) as running:
        for number in range(count):
            await running.submit(labels={"number": str(number), "odd": str(number % 2)}, prompt=f"boat {number}")
        answer = await running.api.post("/v1/jobs", json=submission(), headers=key("shop"))
        answer.raise_for_status()
        yield running


@pytest.fixture
async def full(redis: object, redis_url: str) -> AsyncIterator[Town]:
    async with filled(redis_url, COUNT) as running:
        yield running


@pytest.fixture
async def few(redis: object, redis_url: str) -> AsyncIterator[Town]:
    async with filled(redis_url, 4) as running:
        yield running


async def listed(here: Town, *options: str, caller: str = "editor") -> list[dict[str, Any]]:
    code, out, err = await run(here, "list", "--json", *options, key=KEYS[caller][0])
    assert (code, err) == (0, "")
    jobs: list[dict[str, Any]] = json.loads(out)["jobs"]
    return jobs


def numbers(jobs: list[dict[str, Any]]) -> list[int]:
    return [int(job["labels"]["number"]) for job in jobs]


async def test_it_shows_the_newest_and_as_many_as_asked_for(full: Town) -> None:
    """Over as many pages as that takes."""
    newest = list(range(COUNT - 1, -1, -1))
    assert numbers(await listed(full)) == newest[:20]
    assert numbers(await listed(full, "--limit", "102")) == newest[:102]
    assert numbers(await listed(full, "--all")) == newest


async def test_filters_are_the_services(full: Town) -> None:
    """Each, and together; a status in any case, a time as a moment or as how long ago."""
    assert numbers(await listed(full, "--label", "odd=1", "--label", "number=3")) == [3]
    assert len(await listed(full, "--all", "--status", "pending", "--status", "FAILED")) == COUNT
    assert await listed(full, "--status", "FAILED") == []
    assert [job["owner"] for job in await listed(full, "--owner", "shop", caller="ops")] == ["shop"]
    assert len(await listed(full, "--all", "--parent", full.parent_id, "--after", "1h")) == COUNT
    assert await listed(full, "--before", "1h") == await listed(full, "--before", "9999w") == []
    created = (await listed(full, "--label", "number=50"))[0]["createdAt"]
    assert 50 not in numbers(await listed(full, "--all", "--before", created))


async def test_without_a_terminal_it_is_aligned_lines(few: Town) -> None:
    """A job a line, whose columns are where they were; nothing at all where there is none."""
    _, out, err = await run(few, "list", "--limit", "3")
    lines = out.splitlines()
    assert (len(lines), err) == (3, "")
    assert [line.split()[1:3] + line.split()[4:7] for line in lines[:1]] == [["PENDING", "0", "editor", "boat", "3"]]
    assert len({line.index("editor") for line in lines}) == 1
    assert await run(few, "list", "--status", "FAILED") == (0, "", "")


async def test_on_a_terminal_it_is_a_table_that_fits(few: Town) -> None:
    """With a word about what is not shown."""
    screen = await asyncio.to_thread(on_a_terminal, few, "list", "--limit", "3")
    assert screen.splitlines()[0].split() == ["ID", "STATUS", "%", "AGE", "OWNER", "PROMPT,", "LABELS"]
    assert "The newest 3; more with --limit or --all." in screen
    assert len(screen.splitlines()) == 5
    assert max(map(len, screen.splitlines())) <= 80


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--status", "lost"], 2, "lost"),
        (["--label", "x"], 2, "NAME=VALUE"),
        (["--after", "soon"], 2, "'--after': 'soon' is neither a time"),
        (["--before", "9999-12-31T23:59-23:00"], 2, "'--before'"),
        (["--parent", "zz"], 2, "'--parent': 'zz' is no UUID"),
        (["--label", f"{'n' * 64}=x"], 3, "No job can have this label"),
    ],
)
async def test_a_wrong_filter_is_refused(few: Town, options: list[str], code: int, words: str) -> None:
    """Here by its flag, or by the service, by name."""
    ended, out, err = await run(few, "list", *options)
    assert (ended, out) == (code, "")
    assert words in err


def on_a_terminal(here: Town, *arguments: str) -> str:
    """What 80 columns show, without colours."""
    ours, theirs = pty.openpty()
    given = {"HOME": NOWHERE, "TERM": "xterm", "COLUMNS": "80", "NO_COLOR": "1", "TRACKER_API_KEY": KEYS["editor"][0]}
    env = {**environment("unix:///none"), **given, "TRACKER_URL": str(here.settings.public_url)}
    process = subprocess.Popen([sys.executable, "-m", "cli", *arguments], env=env, stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b"".join(iter(lambda: _read(ours), b""))
    assert process.wait(20) == 0
    os.close(ours)
    return shown.decode().replace("\x1b[1m", "").replace("\x1b[1;2m", "").replace("\x1b[0m", "").replace("\x1b[2m", "")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux says that the other side has closed with EIO
        return b""

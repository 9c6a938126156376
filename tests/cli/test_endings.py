"""How a command ends when it is stopped, when nobody reads on, and when what answers is somebody else."""

import asyncio
import json
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from cli.exits import Exit
from tests.cli.command import execute, run, start
from tests.client.unruly import Unruly, answers, unruly
from tests.door import KEYS, mask_png
from tests.processes import free_port
from tests.samples import PARENT
from tests.town import Town, town

STRANGE = b"\xff"
"""No UTF-8."""


async def in_shell(here: Town | str, line: str, stdin: bytes = b"", **env: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a line of bash, in which `tracker` is the console script."""
    url = here if isinstance(here, str) else str(here.settings.public_url)
    given = {"TRACKER_URL": url, "TRACKER_API_KEY": KEYS["editor"][0], "HOME": "/nonexistent", "PATH": "/usr/bin:/bin"}
    script = f'tracker() {{ "{sys.executable}" -m cli "$@"; }}\n{line}\n'
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", script, env={**given, **env}, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    out, err = await process.communicate(stdin)
    return process.returncode or 0, out.decode(), err.decode()


FOLLOWING = [["watch", "JOB"], ["submit", "MASK", "--parent", PARENT, "--wait"]]


@pytest.mark.usefixtures("redis")
@pytest.mark.parametrize("command", FOLLOWING, ids=["watch", "submit"])
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, Exit.INTERRUPTED), (signal.SIGTERM, Exit.TERMINATED)])
async def test_who_stops_following_is_told_that_the_job_goes_on(
    redis_url: str, mask: str, command: Sequence[str], sent: signal.Signals, code: int
) -> None:
    """At once, however long the service holds its answer; and it is no success."""
    async with town(redis_url, worker=False) as here:
        known = (await here.submit())["id"]
        given = [{"JOB": known, "MASK": mask}.get(word, word) for word in command]
        url, key = str(here.settings.public_url), KEYS["editor"][0]
        process = await start(*given, TRACKER_URL=url, TRACKER_API_KEY=key)
        assert process.stderr is not None
        while b"PENDING" not in (line := await process.stderr.readline()):
            assert line
        process.send_signal(sent)
        async with asyncio.timeout(5):
            _, err = await process.communicate()
        assert process.returncode == code
        told = re.fullmatch(r"Stopped; the job goes on: inpaint-tracker watch (\S+)\n", err.decode())
        assert told is not None, err
        assert (await here.get({"id": told[1]}))["status"] == "PENDING"


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, Exit.INTERRUPTED), (signal.SIGTERM, Exit.TERMINATED)])
async def test_who_stops_anything_else_gets_no_success_either(sent: signal.Signals, code: int) -> None:
    """Here a command that is about to try again."""
    async with unruly(answers(503, Retry_After="9")) as server:
        process = await start("list", TRACKER_URL=server.url, TRACKER_API_KEY="k")
        while not server.requests:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)  # until it has read the answer
        process.send_signal(sent)
        out, err = await process.communicate()
    assert (process.returncode, out, err) == (code, b"", b"Stopped.\n")


READ_BY_NOBODY = [
    "tracker list --all --json", "tracker get JOB", "tracker watch JOB --json",
    "tracker submit MASK --parent PARENT --wait --json", "tracker keys new --name a --scopes ops",
]  # fmt: skip


@pytest.mark.parametrize("command", READ_BY_NOBODY)
async def test_where_nobody_reads_on_it_ends_as_by_sigpipe(here: Town, mask: str, command: str) -> None:
    """With 141, and without a word; 1 would mean that a job failed."""
    job = await here.submit()
    line = command.replace("JOB", job["id"]).replace("MASK", mask).replace("PARENT", here.parent_id)
    code, out, err = await in_shell(here, f"{line} | true; exit ${{PIPESTATUS[0]}}")
    assert (code, out, err) == (Exit.PIPE, "", "")


async def test_doctors_findings_may_be_cut_off(tmp_path: Path) -> None:
    """rich would end with 1, which stands for a problem."""
    code, _, err = await in_shell("http://x", "tracker doctor | true; exit ${PIPESTATUS[0]}")
    assert (code, err) == (Exit.PIPE, "")


@pytest.mark.parametrize("command", ["list", "list --json", "get JOB", "keys new --name a --scopes ops", "--help"])
async def test_a_full_disk_is_told_in_one_line(here: Town, command: str) -> None:
    """With a code of its own."""
    job = await here.submit()
    code, _, err = await in_shell(here, f"tracker {command.replace('JOB', job['id'])} > /dev/full")
    assert (code, err) == (Exit.OUTPUT, "Cannot write the output: No space left on device.\n")


async def test_a_closed_standard_input_is_told(here: Town) -> None:
    """As by `<&-`."""
    code, _, err = await in_shell(here, f"tracker submit - --parent {PARENT} <&-")
    assert (code, err) == (Exit.USAGE, "Cannot read -: standard input is closed.\n")


@pytest.mark.parametrize("command", ["list", "get JOB"])
async def test_letters_that_the_terminal_has_not_are_escaped(here: Town, command: str) -> None:
    """Rather than not shown at all."""
    job = await here.submit(labels={"größe": "8"})
    code, out, err = await in_shell(here, f"tracker {command.replace('JOB', job['id'])}", PYTHONIOENCODING="ascii")
    assert (code, err, "gr\\xf6\\xdfe=8" in out) == (0, "", True)


@pytest.mark.parametrize(
    "command",
    ["get X", "watch X", "cancel X", "track X", f"submit m --parent {PARENT} --prompt X", "list --label a=X",
     "list --owner X", "list --url http://X", "submit m --parent X"],
)  # fmt: skip
async def test_what_is_no_text_is_a_usage_error(command: str) -> None:
    """No request could carry it."""
    line = command.replace("X", "$'\\xff'")
    code, out, err = await in_shell("http://127.0.0.1:9", f"tracker {line}", LC_ALL="C.UTF-8")
    assert (code, out, len(err.splitlines())) == (Exit.USAGE, "", 1)
    assert "not readable as text" in err


async def test_a_file_may_have_any_name(here: Town, tmp_path: Path) -> None:
    """Unix asks for no encoding."""
    (tmp_path / "m\udcff.png").write_bytes(mask_png())
    code, out, err = await in_shell(here, f"tracker submit {tmp_path}/m$'\\xff'.png --parent {here.parent_id} --json")
    assert (code, err, len(json.loads(out)["jobs"])) == (0, "", 1)


COMMANDS = [["list"], ["get", "x"], ["watch", "x"], ["cancel", "x"], ["refresh", "x"], ["track", "x"],
            ["submit", "MASK", "--parent", PARENT], ["submit", "MASK", "--parent", PARENT, "--wait"]]  # fmt: skip
JOB = {"id": "x", "status": "PENDING", "progress": 0, "owner": "o", "prompt": None, "labels": {}, "result": None,
       "error": None, "createdAt": "2026-03-15T10:00:32.000Z"}  # fmt: skip
STRANGERS: list[tuple[int, Any]] = [
    (200, {"hello": "world"}),
    (200, []),
    (200, b"<html>"),
    (200, {**JOB, "status": "odd"}),
    (200, {**JOB, "labels": 1}),
    (200, {**JOB, "createdAt": "once"}),
    (200, {"jobs": [{"id": "x"}], "nextCursor": None}),
    (404, b"<html>"),
    (404, {"detail": "Not Found"}),
    (302, b""),
    (500, b"<html>"),
]
PAGE_OF_A_WRONG_HOST = (404, b"<html>")


def assert_stranger(server: Unruly, ended: tuple[int, str, str]) -> None:
    code, out, err = ended
    assert (code, len(err.splitlines())) == (Exit.UNREACHABLE, 1), err
    assert f"{server.url} answers HTTP" in err
    assert "not as an inpaint-tracker does; check TRACKER_URL." in err
    assert out in ("", '{"jobs": []}\n')


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: " ".join(command[::3]))
async def test_every_command_knows_a_stranger(mask: str, command: Sequence[str]) -> None:
    """By any JSON object, and by the page of a wrong host: that is not `no such job`."""
    given = [mask if word == "MASK" else word for word in command]
    for status, document in STRANGERS[0], PAGE_OF_A_WRONG_HOST:
        async with unruly(answers(status, document)) as server:
            assert_stranger(server, await run(server.url, *given))


@pytest.mark.parametrize(("status", "document"), STRANGERS)
async def test_a_stranger_is_known_by_whatever_it_answers(status: int, document: object) -> None:
    """Though it may be much like ours."""
    async with unruly(answers(status, document)) as server:
        assert_stranger(server, await run(server.url, "get", "x"))
        assert_stranger(server, await run(server.url, "list"))


async def test_what_is_new_in_a_newer_service_is_no_stranger() -> None:
    """More fields than are known here."""
    async with unruly(answers(200, {**JOB, "aNewField": 1})) as server:
        code, out, err = await run(server.url, "get", "x")
    assert (code, err) == (0, "")
    assert out.startswith("id               x\n")


async def test_the_address_of_nobody_is_named_without_more(mask: str) -> None:
    """Whoever it is that is asked."""
    url = f"http://127.0.0.1:{free_port()}"
    code, _, err = await execute("list", TRACKER_URL=url, TRACKER_API_KEY="k")
    assert (code, err.startswith(f"{url} cannot be reached: ")) == (Exit.UNREACHABLE, True)

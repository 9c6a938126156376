"""A caller's commands against a running service."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.door import KEYS, mask_png
from tests.processes import environment, free_port
from tests.town import Town, town

pytestmark = pytest.mark.usefixtures("redis")


@pytest.fixture
async def here(redis_url: str) -> AsyncIterator[Town]:
    async with town(redis_url) as running:
        yield running


@pytest.fixture
def mask(tmp_path: Path) -> str:
    path = tmp_path / "mask.png"
    path.write_bytes(mask_png())
    return str(path)


async def run(
    here: Town | str, *arguments: str, key: str = KEYS["editor"][0], stdin: bytes = b""
) -> tuple[int, str, str]:
    url = here if isinstance(here, str) else str(here.settings.public_url)
    env = {**environment("unix:///none"), "TRACKER_URL": url, "TRACKER_API_KEY": key}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cli", *arguments, env=env,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate(stdin)
    return process.returncode or 0, out.decode(), err.decode()


async def test_submit_get_and_watch_are_the_whole_way(here: Town, mask: str) -> None:
    """The id on stdout, then the facts, then the images."""
    code, out, err = await run(here, "submit", mask, "--parent", here.parent_id, "--prompt", "x", "--label", "order=8")
    job_id = out.strip()
    assert (code, err, len(job_id)) == (0, "", 36)
    code, out, err = await run(here, "watch", job_id)
    assert (code, len(out.splitlines())) == (0, 4)
    assert "COMPLETED" in err
    code, out, _ = await run(here, "get", job_id)
    assert code == 0
    assert "order" in out
    assert "COMPLETED" in out


async def test_submit_reads_standard_input_and_waits(here: Town) -> None:
    """For pipelines."""
    code, out, _ = await run(here, "submit", "-", "--parent", here.parent_id, "--wait", stdin=mask_png())
    assert (code, out.count("http")) == (0, 4)


async def test_json_is_one_document_or_one_object_a_line(here: Town, mask: str) -> None:
    """For scripts."""
    _, out, _ = await run(here, "submit", mask, "--parent", here.parent_id, "--json")
    job = json.loads(out)
    _, out, err = await run(here, "watch", job["id"], "--json")
    states = [json.loads(line) for line in out.splitlines()]
    assert (states[-1]["status"], err) == ("COMPLETED", "")
    assert [state["progress"] for state in states] == sorted(state["progress"] for state in states)
    _, out, _ = await run(here, "get", job["id"], "--json")
    assert json.loads(out)["id"] == job["id"]


async def test_a_failed_job_is_exit_code_1_with_its_reason(here: Town, mask: str) -> None:
    """On one line."""
    await here.mischief(job_failed=1, failure="Image denied")
    code, _, err = await run(here, "submit", mask, "--parent", here.parent_id, "--wait")
    assert code == 1
    assert "FAILED: Image denied (provider_failed)" in err.splitlines()[-1]


async def test_a_refusal_is_exit_code_3_with_the_request_id(here: Town, mask: str) -> None:
    """What the service said, in one line."""
    code, out, err = await run(here, "submit", mask, "--parent", "nonsense")
    assert (code, out, len(err.splitlines())) == (3, "", 1)
    assert "parentJobId" in err
    assert "[request " in err
    code, _, err = await run(here, "get", here.parent_id, key="a-wrong-key")
    assert code == 3
    assert "a-wrong-key" not in err


async def test_nobody_there_is_exit_code_4(mask: str) -> None:
    """Also in one line."""
    code, _, err = await run(f"http://127.0.0.1:{free_port()}", "get", "x")
    assert (code, len(err.splitlines())) == (4, 1)


async def test_a_missing_file_or_key_is_exit_code_2(here: Town) -> None:
    """A mistake of the command line's."""
    code, _, err = await run(here, "submit", "no-such.png", "--parent", here.parent_id)
    assert (code, err) == (2, "Cannot read no-such.png: No such file or directory\n")
    code, _, err = await run(here, "get", "x", key="")
    assert code == 2
    assert "TRACKER_API_KEY" in err

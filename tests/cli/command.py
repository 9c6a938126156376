"""The console script as a caller or an operator runs it: a process of its own, with a clean environment."""

import asyncio
import subprocess
import sys
from pathlib import Path

from tests.door import KEYS
from tests.processes import environment
from tests.town import Town

NOWHERE = "/nonexistent"


async def run(
    here: Town | str, *arguments: str, key: str = KEYS["editor"][0], stdin: bytes = b"", cwd: Path | None = None,
    **env: str,
) -> tuple[int, str, str]:  # fmt: skip
    """Exit code, stdout and stderr of a caller's command."""
    url = here if isinstance(here, str) else str(here.settings.public_url)
    return await execute(*arguments, stdin=stdin, cwd=cwd, TRACKER_URL=url, TRACKER_API_KEY=key, **env)


async def execute(*arguments: str, stdin: bytes = b"", cwd: Path | None = None, **env: str) -> tuple[int, str, str]:
    process = await start(*arguments, cwd=cwd, **env)
    out, err = await process.communicate(stdin)
    return process.returncode or 0, out.decode(), err.decode()


async def start(*arguments: str, cwd: Path | None = None, **env: str) -> asyncio.subprocess.Process:
    given = {**environment("unix:///none"), "HOME": NOWHERE, **env}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cli", *arguments, env=given, cwd=cwd,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip

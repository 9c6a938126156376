"""Other programs, and where they are."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from deploy.verify.report import Skip, Wrong

ROOT = Path(__file__).parents[2]
BESIDE = Path(sys.executable).parent
PLACES = (BESIDE, BESIDE.parent / "policy/bin", BESIDE.parent / "dclint/node_modules/.bin")
NOISE = ("systemd", "failed to connect to syslog")
"""Where there is no systemd, podman says so at every step."""


def program(name: str, remedy: str) -> str:
    """Its path, from beside this Python or the system. Raises Skip."""
    found = shutil.which(name, path=os.pathsep.join((*map(str, PLACES), os.environ.get("PATH", ""), "/usr/sbin")))
    if found is None:
        raise Skip(f"there is no {name}: {remedy}")
    return found


def run(
    *command: str | Path, env: Mapping[str, str] | None = None, cwd: Path | None = None, seconds: float = 600,
    given: str | None = None,
) -> str:  # fmt: skip
    """What it says. Raises Wrong with its last words."""
    code, told = attempt(*command, env=env, cwd=cwd, seconds=seconds, given=given)
    if code:
        raise Wrong(f"{' '.join(map(str, command[:4]))} … ended with {code}\n{told[-2000:]}")
    return told


def attempt(
    *command: str | Path, env: Mapping[str, str] | None = None, cwd: Path | None = None, seconds: float = 600,
    given: str | None = None,
) -> tuple[int, str]:  # fmt: skip
    """The exit code, 124 when the time was over, and what it says."""
    try:
        ended = subprocess.run(
            list(map(str, command)), env={**os.environ, **(env or {})}, cwd=cwd or ROOT, timeout=seconds, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, input=given, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as late:
        return 124, str(late)
    lines = [line for line in ended.stdout.splitlines() if not any(noise in line for noise in NOISE)]
    return ended.returncode, "\n".join(lines)

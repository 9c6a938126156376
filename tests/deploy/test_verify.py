"""`make verify`, as far as this machine can: what it has not got is skipped, and told.

VERIFY=all tries everything where there is podman, as a CI does that sets CI; else the image is built, and each of its
processes tried alone. VERIFY=none tries no container.
"""

import os
import subprocess
import sys

import pytest

from deploy.verify.engine import Engine
from deploy.verify.report import Skip
from deploy.verify.shell import ROOT
from deploy.verify.validators import steps

WANTED = os.environ.get("VERIFY", "all" if os.environ.get("CI") else "quick")
MINUTES = 20


@pytest.mark.parametrize("name", steps())
def test_what_can_be_checked_without_running_it_is_valid(name: str) -> None:
    """By each tool that is here."""
    try:
        steps()[name]()
    except Skip as skip:
        pytest.skip(str(skip))


@pytest.mark.timeout(MINUTES * 60)
def test_the_image_works_as_it_is_run() -> None:
    """Read-only, without rights; with everything else in VERIFY=all."""
    if WANTED == "none":
        pytest.skip("VERIFY=none")
    if not (ROOT / ".git").exists():
        pytest.skip("this is no clone: what is tried is what is committed")
    try:
        Engine()
    except Skip as skip:
        pytest.skip(str(skip))
    quick = ["--quick"] if WANTED != "all" else []
    ended = subprocess.run([sys.executable, "-m", "deploy.verify", *quick], cwd=ROOT, text=True, capture_output=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    if "skipped  images" in ended.stdout:
        pytest.skip(next(line for line in ended.stdout.splitlines() if line.startswith("skipped  images")))

"""Shell completion, as the console script offers it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(sys.executable).with_name("inpaint-tracker")


def run(*arguments: str, **env: str) -> str:
    ended = subprocess.run([SCRIPT, *arguments], capture_output=True, text=True, env={**os.environ, **env}, timeout=30)
    return ended.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script(shell: str) -> None:
    """The shell is told by name here: there is none around a test."""
    shown = run("--show-completion", shell, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1")
    assert f"complete_{shell}" in shown
    assert "inpaint-tracker" in shown


def test_commands_options_and_statuses_are_completed() -> None:
    """As bash asks for them."""

    def completed(line: str) -> list[str]:
        words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)}
        return run(**words, _INPAINT_TRACKER_COMPLETE="complete_bash").split()

    assert completed("inpaint-tracker ref") == ["refresh"]
    assert completed("inpaint-tracker list --par") == ["--parent"]
    assert completed("inpaint-tracker list --status comp") == ["COMPLETED"]

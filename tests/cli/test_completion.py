"""Completion in real shells, as whoever follows the first lines of our scripts has it."""

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

PROGRAM = Path(sys.executable).with_name("inpaint-tracker")
SECONDS = 20
Complete = Callable[[Path, str], str]


def script(shell: str) -> str:
    ended = subprocess.run([PROGRAM, "completion", shell], capture_output=True, text=True, timeout=SECONDS, check=True)
    assert ended.stderr == ""
    return ended.stdout


def environment(home: Path) -> dict[str, str]:
    return {"HOME": str(home), "PATH": f"{PROGRAM.parent}{os.pathsep}{os.environ['PATH']}", "TERM": "dumb"}


def output(home: Path, *command: str) -> str:
    """Of a shell that reads no file of the user's."""
    ended = subprocess.run(
        command, capture_output=True, text=True, env=environment(home), timeout=SECONDS, check=False, cwd=home
    )
    assert ended.stderr == ""
    return ended.stdout


def in_bash(home: Path, line: str) -> str:
    words = line.split(" ")
    asked = f"COMP_WORDS=({' '.join(words[:-1])} '{words[-1]}'); COMP_CWORD={len(words) - 1}"
    return output(home, "bash", "--norc", "-c", f'{script("bash")}\n{asked}; _inpaint_tracker inpaint-tracker\n'
                  'printf "%s\\n" "${COMPREPLY[@]}"')  # fmt: skip


def in_fish(home: Path, line: str) -> str:
    return output(home, "fish", "--no-config", "-c", f"{script('fish')}\ncomplete -C '{line}'")


def in_zsh(home: Path, line: str, set_up: str = "autoload -Uz compinit; compinit -u; source ./script") -> str:
    """What a terminal shows after TAB: zsh completes nowhere else."""
    (home / "script").write_text(script("zsh"))
    (home / ".zshrc").write_text(f"PS1='> '\nunsetopt LIST_BEEP\nsetopt NO_ALWAYS_LAST_PROMPT\n{set_up}\n")
    ours, theirs = pty.openpty()
    env = {**environment(home), "ZDOTDIR": str(home), "COLUMNS": "200"}
    shell = subprocess.Popen(["zsh", "-i"], env=env, cwd=home, stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    try:
        _shown(ours, lambda text: text.endswith("> "))
        os.write(ours, f"{line}\t".encode())
        return _shown(ours, lambda text: len(text) > len(line) + 2).replace("\r", "")
    finally:
        shell.kill()
        shell.wait()
        os.close(ours)


def _shown(terminal: int, enough: Callable[[str], bool]) -> str:
    """Until it is enough, and half a second is quiet."""
    shown, until = b"", time.monotonic() + SECONDS
    while time.monotonic() < until:
        if select.select([terminal], [], [], 0.5)[0]:
            shown += os.read(terminal, 65536)
        elif enough(shown.decode(errors="replace")):
            break
    return shown.decode(errors="replace")


SHELLS: dict[str, Complete] = {"bash": in_bash, "zsh": in_zsh, "fish": in_fish}


@pytest.fixture(params=SHELLS)
def complete(request: pytest.FixtureRequest) -> Complete:
    """A line, typed as far as it goes, and what the shell makes of TAB."""
    if shutil.which(request.param) is None:
        pytest.skip(f"To see completion in {request.param}, install it.")
    return SHELLS[request.param]


@pytest.mark.parametrize(
    ("line", "completed"),
    [
        ("inpaint-tracker ref", "refresh"),
        ("inpaint-tracker list --par", "--parent"),
        ("inpaint-tracker list --status co", "COMPLETED"),
        ("inpaint-tracker watch --status co", "COMPLETED"),
        ("inpaint-tracker st", "stats"),
        ("inpaint-tracker completion z", "zsh"),
        ("inpaint-tracker keys n", "new"),
    ],
)
def test_commands_options_and_statuses_are_completed(
    complete: Complete, tmp_path: Path, line: str, completed: str
) -> None:
    """By their beginning, in either case."""
    assert completed in complete(tmp_path, line)


def test_files_are_completed_where_a_file_goes(tmp_path: Path) -> None:
    """By zsh itself, as by bash and fish."""
    if shutil.which("zsh") is None:
        pytest.skip("To see completion in zsh, install it.")
    (tmp_path / "unlikely-name.png").touch()
    assert "unlikely-name.png" in in_zsh(tmp_path, "inpaint-tracker submit unlik")


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_explanations_are_shown_as_they_are_written(tmp_path: Path, shell: str) -> None:
    """With apostrophes and colons."""
    if shutil.which(shell) is None:
        pytest.skip(f"To see completion in {shell}, install it.")
    shown = SHELLS[shell](tmp_path, "inpaint-tracker submit --p")
    assert "the parent's prompt" in shown
    assert "Idempotency-Key: the same" in SHELLS[shell](tmp_path, "inpaint-tracker submit --")


def test_a_file_in_fpath_completes_at_the_first_tab(tmp_path: Path) -> None:
    """zsh then loads the function only when it is first asked."""
    if shutil.which("zsh") is None:
        pytest.skip("To see completion in zsh, install it.")
    (tmp_path / "functions").mkdir()
    (tmp_path / "functions" / "_inpaint-tracker").write_text(script("zsh"))
    shown = in_zsh(tmp_path, "inpaint-tracker ref", "fpath=(./functions $fpath); autoload -Uz compinit; compinit -u")
    assert "refresh" in shown


def test_nothing_edits_the_users_files() -> None:
    """As typer's own options would."""
    ended = subprocess.run([PROGRAM, "--help"], capture_output=True, text=True, timeout=SECONDS, check=True)
    assert "install-completion" not in ended.stdout

"""`tests/browser/install`, on machines that have nothing but what a test gives them."""

import shutil
import subprocess
from pathlib import Path

import pytest

INSTALL = Path(__file__).with_name("install")
TOOLS = ("sh", "env", "id", "mktemp", "rm", "tail", "grep", "cat", "chmod", "true")
BROWSER = "#!/bin/sh\necho Chromium 1.0\n"
SNAP = "#!/bin/sh\necho 'requires the chromium snap' >&2; exit 1\n"
INSTALLS = """#!/bin/sh
echo "$*" >>"$0.log"
case "$*" in *install*) printf '#!/bin/sh\\n' >"${0%/*}/chromium"; chmod +x "${0%/*}/chromium" ;; esac
"""
OFFLINE = "#!/bin/sh\necho 'E: nobody answers'; exit 100\n"


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    for tool in TOOLS:
        (tmp_path / tool).symlink_to(str(shutil.which(tool)))
    has(tmp_path, "id", "#!/bin/sh\necho 0\n")
    return tmp_path


def has(machine: Path, name: str, script: str) -> None:
    (machine / name).unlink(missing_ok=True)
    (machine / name).write_text(script)
    (machine / name).chmod(0o755)


def run(machine: Path, **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([INSTALL], env={"PATH": str(machine), **env}, capture_output=True, text=True, timeout=20)


def refusal(machine: Path, **env: str) -> str:
    """Of one line or two, on standard error."""
    ended = run(machine, **env)
    assert ended.returncode == 1
    assert len((ended.stdout + ended.stderr).splitlines()) <= 2
    return ended.stderr


@pytest.mark.parametrize("name", ["chromium", "chromium-browser", "google-chrome"])
def test_where_there_is_a_browser_nothing_is_done(machine: Path, name: str) -> None:
    """Nor said, nor is root asked for."""
    has(machine, "apt-get", OFFLINE)
    has(machine, name, BROWSER)
    ended = run(machine)
    assert (ended.returncode, ended.stdout + ended.stderr) == (0, "")


def test_debians_package_is_installed(machine: Path) -> None:
    """Without what it recommends; the second time there is nothing to do."""
    has(machine, "apt-get", INSTALLS)
    has(machine, "apt-cache", "#!/bin/sh\necho Version: 156.0-1~deb12u1\n")
    assert run(machine).returncode == 0
    update, install = (machine / "apt-get.log").read_text().splitlines()
    assert update.endswith("update")
    assert install.endswith("install -y --no-install-recommends chromium fonts-dejavu-core")
    assert run(machine).stdout == ""


def test_sudo_is_used_where_it_asks_for_no_password(machine: Path) -> None:
    """And only there."""
    has(machine, "apt-get", INSTALLS)
    has(machine, "apt-cache", "#!/bin/sh\necho Version: 156.0-1~deb12u1\n")
    has(machine, "id", "#!/bin/sh\necho 1000\n")
    has(machine, "sudo", "#!/bin/sh\nexit 1\n")
    assert "needs root: sudo tests/browser/install" in refusal(machine)
    has(machine, "sudo", '#!/bin/sh\nshift; exec "$@"\n')
    assert run(machine).returncode == 0


@pytest.mark.parametrize("version", ["", "Version: 2:1snap1-0ubuntu2"])
def test_a_system_without_the_package_is_told_what_to_do(machine: Path, version: str) -> None:
    """Ubuntu's package of that name is a snap's; it is not installed, and its stand-in is no browser."""
    has(machine, "apt-get", INSTALLS)
    has(machine, "apt-cache", f"#!/bin/sh\necho {version}\n")
    has(machine, "chromium-browser", SNAP)
    assert "no Chromium package" in refusal(machine)
    assert "install" not in (machine / "apt-get.log").read_text()


def test_a_system_without_apt_is_told_what_to_do(machine: Path) -> None:
    """Install one, or say where it is."""
    assert "Install one, or set CHROMIUM to its path" in refusal(machine)


def test_a_machine_that_is_offline_says_what_apt_said(machine: Path) -> None:
    """Its last line."""
    has(machine, "apt-get", OFFLINE)
    assert "apt-get update: E: nobody answers" in refusal(machine)


def test_who_names_a_browser_gets_no_other(machine: Path) -> None:
    """`CHROMIUM=none` is the way to have none."""
    has(machine, "apt-get", INSTALLS)
    assert "CHROMIUM=none is no browser" in refusal(machine, CHROMIUM="none")
    assert not (machine / "apt-get.log").exists()
    has(machine, "mine", BROWSER)
    assert run(machine, CHROMIUM=str(machine / "mine")).returncode == 0

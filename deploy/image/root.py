"""Gathers the root file system of the image: Python, our packages, and the shared libraries that these load. No shell.

python root.py ROOT, in a build stage on the Debian base; /opt/venv holds what is to run.
"""

import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

VENV, PREFIX = Path("/opt/venv"), Path(sys.base_prefix)
STDLIB = Path(sysconfig.get_path("stdlib"))
UNUSED = (
    "__phello__", "config-*", "ensurepip", "idlelib", "lib2to3", "pydoc_data", "site-packages", "test", "tkinter",
    "turtledemo", "turtle.py", "*.opt-?.pyc", "_tkinter.*", "_test*.so", "_ctypes_test.*", "_xxtestfuzz.*",
    "xxlimited*",
)  # fmt: skip
"""Of the standard library."""
COMMANDS = ("python*", "inpaint-tracker", "uvicorn", "arq")
FILES = (
    "/etc/ssl/certs/ca-certificates.crt", "/etc/debian_version", "/etc/os-release", "/usr/lib/os-release",
    "/etc/ld.so.conf", *map(str, Path("/etc/ld.so.conf.d").iterdir()),
)  # fmt: skip
USERS = "root:x:0:0::/:/nologin\ntracker:x:10001:10001::/nonexistent:/nologin\n"


def gather(root: Path) -> None:
    root.mkdir()
    for path in map(Path, ("bin", "sbin", "lib", "lib64")):
        if (Path("/") / path).is_symlink():  # the loader's path goes through /lib64
            (root / path).symlink_to((Path("/") / path).readlink())
    _copy_python(root)
    shutil.copytree(VENV, root / "opt/venv", symlinks=True, ignore=_not_commands)
    libraries = sorted(set(_libraries(root)))
    for file in (*libraries, *map(Path, FILES)):
        _copy(file, root)
    _tell_packages(root, libraries)
    _make_folders(root)
    subprocess.run(["ldconfig", "-r", root], check=True)


def _copy_python(root: Path) -> None:
    _copy((VENV / "bin/python3").readlink(), root)
    shutil.copytree(STDLIB, root / STDLIB.relative_to("/"), symlinks=True, ignore=shutil.ignore_patterns(*UNUSED))


def _not_commands(folder: str, names: list[str]) -> set[str]:
    if Path(folder) != VENV / "bin":
        return set()
    return {name for name in names if not any(Path(name).match(wanted) for wanted in COMMANDS)}


def _libraries(root: Path) -> Iterator[Path]:
    """What the loader would load for anything under `root`, by the names that it asks for."""
    binaries = [file for file in root.rglob("*") if ".so" in file.name and file.is_file()]
    for binary in (PREFIX / "bin/python3", *binaries):
        told = subprocess.run(["ldd", binary], capture_output=True, text=True, check=False).stdout
        yield from (
            path for found in re.findall(r"(/\S+) \(0x", told) if not (path := Path(found)).is_relative_to(root)
        )
    yield from Path("/").glob("usr/lib/*-linux-gnu*/libgcc_s.so.1")  # loaded when a thread is cancelled


def _copy(file: Path, root: Path) -> None:
    """With every link on its way, under the folder's real name."""
    source = file.parent.resolve() / file.name
    target = root / source.relative_to("/")
    if target.exists() or target.is_symlink():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target, follow_symlinks=False)
    if source.is_symlink():
        _copy(source.parent / source.readlink(), root)


def _tell_packages(root: Path, libraries: list[Path]) -> None:
    """As images without a package manager do it, so that scanners find Debian's packages; and their copyrights."""
    files = {str(file.parent.resolve() / file.name) for file in libraries} | {str(file) for file in libraries}
    told = subprocess.run(["dpkg", "-S", *files], capture_output=True, text=True, check=False).stdout
    status = root / "var/lib/dpkg/status.d"
    status.mkdir(parents=True)
    for package in sorted({line.partition(":")[0] for line in told.splitlines()} | {"ca-certificates"}):
        facts = subprocess.run(["dpkg", "-s", package], capture_output=True, text=True, check=True).stdout
        (status / package).write_text(facts)
        if (legal := Path(f"/usr/share/doc/{package}/copyright")).exists():
            _copy(legal, root)


def _make_folders(root: Path) -> None:
    (root / "app").mkdir()
    (root / "tmp").mkdir()
    (root / "tmp").chmod(0o1777)
    (root / "etc/passwd").write_text(USERS)
    (root / "etc/group").write_text("root:x:0:\ntracker:x:10001:\n")


if __name__ == "__main__":
    gather(Path(sys.argv[1]))

"""The distribution by itself: built, installed, and used where nothing of ours is."""

import asyncio
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from email.parser import Parser
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.client.conftest import CLIENT
from tests.client.shells import address
from tests.door import KEYS, mask_png
from tests.town import Town

PROGRAM = """
import sys
sys.path[:0] = sys.argv[1:3]
import inpaint_tracker_client as client
with client.Tracker() as tracker:
    job = tracker.submit(sys.argv[3], "mask.png")
    print(tracker.wait(job.id, timeout=60).status)
ours = {"tracker", "service", "workers", "cli", "sandbox", "PIL", "redis", "arq", "starlette"}
assert not ours & set(sys.modules), ours & set(sys.modules)
assert client.__file__.startswith(sys.argv[1]), client.__file__
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as anyone would, with the build tool that is installed here."""
    folder = tmp_path_factory.mktemp("wheel")
    _pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(CLIENT))
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_one_package(wheel: Path) -> None:
    """With its types, its licence, and two requirements."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = Parser().parsestr(archive.read(_one(names, ".dist-info/METADATA")).decode())
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {"inpaint_tracker_client"}
    assert "inpaint_tracker_client/py.typed" in names
    assert _one(names, "licenses/LICENSE")
    plain = {line for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line}
    assert plain == {"httpx>=0.28", "pydantic>=2.12"}
    assert (metadata["Name"], metadata["Requires-Python"]) == ("inpaint-tracker-client", ">=3.11")


async def test_it_works_where_nothing_of_ours_is(here: Town, wheel: Path, tmp_path: Path) -> None:
    """A bare interpreter that sees the installed wheel, httpx, pydantic and what these need: a job from end to end."""
    site, needed = tmp_path / "site", tmp_path / "needed"
    await asyncio.to_thread(_pip, "install", "--no-deps", "--target", str(site), str(wheel))
    needed.mkdir()
    for folder in _top_level("httpx", "pydantic"):
        (needed / folder.name).symlink_to(folder)
    (tmp_path / "mask.png").write_bytes(mask_png())
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-S", "-W", "error", "-c", PROGRAM, str(site), str(needed), here.parent_id, cwd=tmp_path,
        env={"TRACKER_URL": address(here), "TRACKER_API_KEY": KEYS["editor"][0]},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert (process.returncode, out.decode().strip()) == (0, "COMPLETED"), err.decode()


def _pip(*arguments: str) -> None:
    quiet = ["--quiet", "--no-index", "--disable-pip-version-check", "--no-input"]
    command = [sys.executable, "-m", "pip", *arguments, *quiet]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _one(names: list[str], ending: str) -> str:
    (found,) = [name for name in names if name.endswith(ending)]
    return found


def _top_level(*names: str) -> set[Path]:
    """What these distributions and all that they need have put beside each other."""
    return {
        Path(str(known.locate_file(file.parts[0])))
        for known in _with_requirements(set(names))
        for file in known.files or ()
        if file.parts[0] != ".."
    }


def _with_requirements(names: set[str]) -> Iterator[Distribution]:
    seen: set[str] = set()
    while waiting := names - seen:
        seen |= waiting
        for known in map(distribution, waiting):
            yield known
            needed = (Requirement(text) for text in known.requires or ())
            names = names | {one.name for one in needed if one.marker is None or one.marker.evaluate({"extra": ""})}

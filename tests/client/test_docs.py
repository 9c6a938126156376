"""Every example in a docstring and in the README does what it says, against a running town."""

import asyncio
import contextlib
import doctest
import importlib
import inspect
import io
import pkgutil
import re
from collections.abc import Callable
from pathlib import Path

import inpaint_tracker_client
import pytest
from structlog.testing import capture_logs

from tests.client.conftest import CLIENT
from tests.client.shells import address
from tests.door import KEYS, mask_png
from tests.town import Town

MODULES = ["inpaint_tracker_client"] + [
    f"inpaint_tracker_client.{module.name}" for module in pkgutil.iter_modules(inpaint_tracker_client.__path__)
]
EXAMPLES = {
    test.name: test
    for name in MODULES
    for test in doctest.DocTestFinder(exclude_empty=True).find(importlib.import_module(name), name)
    if test.examples
}
README = re.findall(r"```python\n(.*?)```", (CLIENT / "README.md").read_text("utf-8"), re.DOTALL)


def calls_the_service(example: doctest.DocTest) -> bool:
    return "Tracker(" in (example.docstring or "")


def run(example: doctest.DocTest, **known: str) -> None:
    report = io.StringIO()
    example.globs.update(known)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS, verbose=False)
    outcome = runner.run(example, out=report.write)
    assert outcome.attempted > 0
    assert outcome.failed == 0, report.getvalue()


@pytest.fixture
def caller(here: Town, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Town:
    """Where the examples are run: a folder with mask.png, and the environment that they speak of."""
    (tmp_path / "mask.png").write_bytes(mask_png())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRACKER_URL", address(here))
    monkeypatch.setenv("TRACKER_API_KEY", KEYS["editor"][0])
    return here


@pytest.mark.parametrize("name", [name for name, example in EXAMPLES.items() if calls_the_service(example)])
async def test_every_docstring_is_true(caller: Town, name: str) -> None:
    """In a thread, since the town needs the loop. Its log would else be taken for the example's output."""
    with capture_logs():
        await asyncio.to_thread(run, EXAMPLES[name], parent_id=caller.parent_id)


@pytest.mark.parametrize("name", [name for name, example in EXAMPLES.items() if not calls_the_service(example)])
def test_every_docstring_is_true_without_a_service(name: str) -> None:
    """Models and masks."""
    run(EXAMPLES[name])


@pytest.mark.parametrize("block", README, ids=range(len(README)))
async def test_the_readme_is_true(caller: Town, block: str) -> None:
    """Block by block, each by itself."""
    code = compile(block, "README.md", "exec")
    with contextlib.redirect_stdout(io.StringIO()):
        await asyncio.to_thread(exec, code, {"parent_id": caller.parent_id})


def test_every_method_has_its_docstring() -> None:
    """Both shells have the same methods with the same arguments."""
    for name, method in vars(inpaint_tracker_client.Tracker).items():
        if name.startswith("_") or name == "close":
            continue
        twin = vars(inpaint_tracker_client.AsyncTracker)[name]
        assert method.__doc__
        assert f"`Tracker.{name}`" in (twin.__doc__ or "")
        assert _arguments(method) == _arguments(twin)


def _arguments(method: Callable[..., object]) -> list[inspect.Parameter]:
    return list(inspect.signature(method).parameters.values())

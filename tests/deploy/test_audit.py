"""What is said of locks and licences when something is wrong with them."""

from pathlib import Path

import pytest

from deploy import audit

HASH = f"--hash=sha256:{'0' * 64}"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what is read, and a place for faults."""
    for path in (audit.ROOT / "pyproject.toml", *(audit.ROOT / "requirements").glob("*.txt")):
        copy = tmp_path / path.relative_to(audit.ROOT)
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(path.read_text("utf-8"))
    monkeypatch.setattr(audit, "ROOT", tmp_path)
    return tmp_path


def test_ours_are_as_they_should_be() -> None:
    """As `make check` sees it."""
    assert list(audit.faults()) == []


@pytest.mark.parametrize(
    ("file", "before", "after", "told"),
    [
        ("requirements/run.txt", "anyio==4.16.0 \\", "anyio==4.16.1 \\", "anyio is 4.16.1, and 4.16.0 in dev"),
        ("requirements/run.txt", "arq==0.28.0 \\", f"evil==1 {HASH}\narq==0.28.0 \\", "run: nobody needs evil"),
        ("requirements/run.txt", "arq==0.28.0 \\", f"arq>=0.28 {HASH}\nx==1 \\", "is not one version from the index"),
        ("requirements/run.txt", "arq==0.28.0 \\", f"h11==1 {HASH}\narq==0.28.0 \\", "run: h11 is there twice"),
        ("requirements/run.txt", "arq==0.28.0 \\", "arq==0.28.0\nother==1 \\", "run: arq has no hash"),
        ("pyproject.toml", '"anyio>=4.11"', '"anyio>=99"', "anyio>=99 is asked for, and 4.16.0 locked"),
        ("pyproject.toml", '"anyio>=4.11"', '"anyio>=4.11", "new"', "new is asked for, and nothing locked"),
    ],
)
def test_a_fault_is_told(root: Path, file: str, before: str, after: str, told: str) -> None:
    """Each by name, with what to do."""
    path = root / file
    text = path.read_text("utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1))
    assert any(told in fault for fault in audit.faults())


@pytest.mark.parametrize("told", ["GPL-3.0-only", "MIT AND AGPL-3.0", "not told"])
def test_a_licence_that_nobody_allowed_is_told(told: str) -> None:
    """All of its parts must be allowed, or all of one of its choices."""
    assert list(audit.forbidden({"a": told}))
    assert not list(audit.forbidden({"a": f"{told} OR MIT AND ISC"}))

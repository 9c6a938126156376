"""What the image is made of."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def pins(name: str) -> set[str]:
    return set(re.findall(r"(?m)^(\S+==[^\s;]+)", (ROOT / "requirements" / f"{name}.txt").read_text("utf-8")))


def test_every_part_of_the_image_is_locked_to_the_same_versions() -> None:
    """With the sandbox it is what it is without, and more."""
    assert pins("run") < pins("sandbox") < pins("dev")


def test_the_build_is_given_all_that_it_reads_and_no_secret() -> None:
    """What the Dockerfile names of the tree is let in; all else stays out."""
    ignored, *let_in = [
        line for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line and not line.startswith("#")
    ]
    assert ignored == "*"
    for line in let_in:
        assert not line.startswith("!") or (ROOT / line[1:]).exists(), line
    read = set(re.findall(r"requirements/(\w+)\.txt", (ROOT / "Dockerfile").read_text("utf-8")))
    assert {f"!requirements/{name}.txt" for name in {*read, "run", "sandbox"}} <= set(let_in)
    assert not any(word in line for line in let_in for word in (".env", "secrets"))

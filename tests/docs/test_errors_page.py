"""The page of errors tells of each whether to try again."""

import re
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "errors.md").read_text("utf-8")
PARAGRAPHS = re.findall(r"(?ms)^## (\S+)\n\n`(\d+)` (.*?)(?=^## |\Z)", PAGE)


@pytest.mark.parametrize(("status", "text"), [p[1:] for p in PARAGRAPHS], ids=[p[0] for p in PARAGRAPHS])
def test_every_error_says_whether_to_try_again(status: str, text: str) -> None:
    """What is the service's passes, and so does a bad line; what is the caller's comes again."""
    answer = re.search(r"(?m)^\*\*Try again:\*\* (yes|no)\b", text)
    assert answer is not None
    assert answer[1] == ("yes" if status.startswith("5") or status == "408" else "no")


def test_the_page_has_paragraphs() -> None:
    """Else the test above would say nothing."""
    assert len(PARAGRAPHS) == PAGE.count("\n## ") > 10

"""The layout is the one place where keys are named."""

import re
from pathlib import Path

import pytest

from tracker.store import keys, scripts

LUA = Path(scripts.__file__).parent / "lua"


def test_the_scripts_use_keys_of_the_layout_alone() -> None:
    """And every key of it is used by someone."""
    used = {name for script in LUA.glob("*.lua") for name in re.findall(r"key\('(\w+)'", script.read_text("utf-8"))}
    named = {key.name for key in keys.LAYOUT}
    assert used <= named
    python = "".join(path.read_text("utf-8") for path in LUA.parent.glob("*.py"))
    elsewhere = set(re.findall(r"name\(\"(\w+)\"", python))
    lists = set(re.findall(r"'(\w+)'", (LUA / "_prelude.lua").read_text("utf-8")))
    spans = set(re.findall(r"tally\('(\w+)'", (LUA / "apply.lua").read_text("utf-8")))
    assert named <= used | elsewhere | lists | spans


@pytest.mark.parametrize("script", [*scripts.NAMES, "swap"])
def test_every_script_says_what_it_is_for(script: str) -> None:
    """Purpose, arguments, answer, and what it publishes."""
    head = (LUA / f"{script}.lua").read_text("utf-8").split("\n\n")[0].lower()
    assert all(line.startswith("--") for line in head.splitlines())
    assert all(word in head for word in ("argv[1]", "returns", "publish"))


def test_a_key_outside_the_layout_has_no_name() -> None:
    """Nor one with a part that it does not take."""
    for wrong in (("nothing",), ("job",), ("jobs", "x")):
        with pytest.raises(KeyError):
            keys.name(*wrong)


def test_all_keys_of_a_partition_lie_in_one_slot() -> None:
    """By their hash tag."""
    assert keys.name("job", "x", partition=3) == "inpaint:{3}:job:x"
    assert all("{0}" in keys.name(key.name, "x" if key.part else None) for key in keys.LAYOUT)

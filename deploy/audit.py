"""Looks at what we take from others, without asking anybody: `make check` runs it; --write renews docs/licences.md.

Locks: each distribution once, by version and hash, from no other place than the index, in every lock the same version;
all that pyproject.toml and the distributions themselves ask for, and nothing else. What is installed is what is locked.
Licences: each is one of `ALLOWED`, and stands in docs/licences.md. Known weaknesses and withdrawn versions can only be
told by asking somebody.
"""

import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "licences.md"
SHIPPED, OF_TESTS = "sandbox", "dev"
"""Locks: of the image, and of all that is installed for the tests, which holds the other."""
APART = {"policy"}
"""Locks with versions of their own: checkov holds on to old ones."""
WANTED = {
    "run": ([""], []), "sandbox": (["", "sandbox"], []), "demo": (["", "demo"], ["build"]),
    "dev": (["", "demo"], ["dev"]), "build": ([], ["build"]),
    "sbom": ([], ["sbom"]), "verify": ([], ["verify"]), "policy": ([], ["policy"]),
    "bench": ([], ["bench"]),
}  # fmt: skip
"""What each lock is made of: extras of pyproject.toml, and groups."""
ALLOWED = {
    "0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "CC0-1.0", "ISC", "MIT", "MIT-CMU", "MPL-2.0", "PSF-2.0",
    "Zlib",
}  # fmt: skip
"""None asks for our own source. MPL asks for changes to its own files, of which we make none."""
SPELLED = {
    "3-Clause BSD License": "BSD-3-Clause", "Apache Software License": "Apache-2.0", "BSD License": "BSD-3-Clause",
    "ISC License (ISCL)": "ISC", "MIT License": "MIT", "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "DFSG approved": "",
}  # fmt: skip
"""Classifiers of the index, and what else is said, as SPDX has it."""
READ = {
    "async-timeout": "Apache-2.0", "axe-playwright-python": "MIT AND MPL-2.0", "colorama": "BSD-3-Clause",
    "numpy": "BSD-3-Clause AND 0BSD AND MIT AND Zlib AND CC0-1.0",
}  # fmt: skip
"""By hand, of those that do not tell all, or are not the same, or there, on every platform."""
PLACES: list[dict[str, str]] = [
    {"python_version": minor, "python_full_version": f"{minor}.9", "sys_platform": system}
    for minor in ("3.11", "3.12", "3.13", "3.14")
    for system in ("linux", "darwin", "win32")
]
Pins = dict[str, str]


def pins(name: str) -> Pins:
    """Version by name, of a lock; where there are several, the one for this platform."""
    lines = sorted((line for line, _ in _entries(name)), key=_is_for_here)
    return {line.name: version(line) for line in lines}


def every_pin(name: str) -> set[tuple[str, str]]:
    """Names and versions, those for other platforms included."""
    return {(line.name, version(line)) for line, _ in _entries(name)}


def _is_for_here(line: Requirement) -> bool:
    return line.marker is None or line.marker.evaluate()


def version(line: Requirement) -> str:
    return str(line.specifier).removeprefix("==")


def _entries(name: str) -> Iterator[tuple[Requirement, int]]:
    """Each with how many hashes it has."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text("utf-8").replace("\\\n", " ")
    for line in filter(None, map(str.strip, text.splitlines())):
        told, *hashes = re.split(r"\s+--hash=sha256:(?=[0-9a-f]{64}\b)", line)
        yield Requirement(told), len(hashes)


def _faults_of(name: str) -> Iterator[str]:
    lines = [line for line, _ in _entries(name)]
    for place in PLACES:
        there = Counter(line.name for line in lines if line.marker is None or line.marker.evaluate(place))
        yield from (f"{name}: {what} is there twice for {place}" for what, count in there.items() if count > 1)
    for line, hashes in _entries(name):
        if line.url or not re.fullmatch(r"==[^,*]+", str(line.specifier)):
            yield f"{name}: {line} is not one version from the index"
        if not hashes:
            yield f"{name}: {line.name} has no hash"


def _differing() -> Iterator[str]:
    held = pins(OF_TESTS)
    for name in WANTED.keys() - APART - {OF_TESTS}:
        for what, locked in pins(name).items():
            if held.get(what, locked) != locked:
                yield f"{name}: {what} is {locked}, and {held[what]} in {OF_TESTS}"


def _asked_for(name: str, project: dict[str, Any]) -> list[Requirement]:
    extras, groups = WANTED[name]
    options = {"": project["project"]["dependencies"], **project["project"]["optional-dependencies"]}
    lines = [one for extra in extras for one in options[extra]]
    for group in groups:
        lines += _of_group(group, project["dependency-groups"])
    own = [one for line in lines if (one := Requirement(line)).name != "inpaint-tracker"]
    ours = [
        Requirement(line) for one in map(Requirement, lines) for extra in one.extras for line in options.get(extra, ())
    ]
    return [*own, *ours]


def _of_group(group: str, groups: dict[str, Any]) -> list[str]:
    lines = list[str]()
    for one in groups[group]:
        lines += [one] if isinstance(one, str) else _of_group(one["include-group"], groups)
    return lines


def _unmet(name: str, wanted: Iterable[Requirement], locked: Pins) -> Iterator[str]:
    for one in wanted:
        found = locked.get(canonicalize_name(one.name))
        if found is None or not one.specifier.contains(found, prereleases=True):
            yield f"{name}: {one} is asked for, and {found or 'nothing'} locked: make lock"


def _reached(wanted: Iterable[Requirement], installed: dict[str, Distribution]) -> set[str]:
    """All that these need on this platform, as the installed distributions tell it."""
    waiting, seen = [(one, extra) for one in wanted for extra in ("", *one.extras)], set[tuple[str, str]]()
    while waiting:
        one, extra = waiting.pop()
        if one.marker and not one.marker.evaluate({"extra": ""}):
            continue
        key = canonicalize_name(one.name), extra
        if key in seen or key[0] not in installed:
            continue
        seen.add(key)
        for line in installed[key[0]].requires or ():
            need = Requirement(line)
            if need.marker is None or need.marker.evaluate({"extra": extra}):
                need.marker = None
                waiting += [(need, more) for more in ("", *need.extras)]
    return {name for name, _ in seen}


def _closed(name: str, wanted: list[Requirement], installed: dict[str, Distribution]) -> Iterator[str]:
    locked = {line.name for line, _ in _entries(name) if _is_for_here(line)}
    reached = _reached(wanted, installed)
    yield from (f"{name}: {one} is needed, and not locked" for one in reached - locked)
    yield from (f"{name}: nobody needs {one}: make lock" for one in locked - reached)


def _not_as_locked(installed: dict[str, Distribution]) -> Iterator[str]:
    for what, locked in pins(OF_TESTS).items():
        if what in installed and installed[what].version != locked:
            yield f"{what} {installed[what].version} is installed, and {locked} locked"


def licence_of(name: str, installed: dict[str, Distribution]) -> str:
    """An expression of SPDX, by the distribution's own word."""
    if name in READ or name not in installed:
        return READ.get(name, "not told")
    told = installed[name].metadata
    if "License-Expression" in told:
        return told["License-Expression"]
    classes = [one.rpartition(" :: ")[2] for one in told.get_all("Classifier") or () if one.startswith("License")]
    spelled = " AND ".join(filter(None, (SPELLED.get(one, one) for one in classes)))
    other = told["License"] if "License" in told else "not told"  # noqa: SIM401  no mapping
    return spelled or SPELLED.get(other, other)


def _licences(installed: dict[str, Distribution]) -> dict[str, str]:
    return {name: licence_of(name, installed) for name in sorted(pins(OF_TESTS))}


def forbidden(licences: dict[str, str]) -> Iterator[str]:
    for name, told in licences.items():
        choices = [set(re.split(r" AND |[()]", choice)) - {""} for choice in told.split(" OR ")]
        if not any({part.strip() for part in choice} <= ALLOWED for choice in choices):
            yield f"{name}: its licence, {told}, is none of those allowed"


def page(licences: dict[str, str]) -> str:
    shipped = pins(SHIPPED)
    rows = [f"| {name} | {told} | {'image' if name in shipped else 'tests'} |" for name, told in licences.items()]
    return "\n".join((HEAD, *rows, ""))


HEAD = """# Licences

What we take from others, and under which terms; made by `python -m deploy.audit --write`, held against what is
installed by `make check`. *image*: is in the image with the sandbox; *tests*: only where it is tried. inpaint-tracker
itself is [MIT](../LICENSE). Versions are in `requirements/`, those of one image in its own bill of materials
([deploy](../deploy/README.md#the-image)), where Debian's packages and Python (PSF-2.0) stand, too.

| distribution | licence | where |
|---|---|---|"""


def here() -> dict[str, Distribution]:
    return {str(canonicalize_name(one.metadata["Name"])): one for one in distributions()}


def faults() -> Iterator[str]:
    installed = here()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    for name in WANTED:
        yield from _faults_of(name)
        yield from _unmet(name, _asked_for(name, project), pins(name))
    yield from _differing()
    for name in ("run", "sandbox", "demo", "dev"):
        yield from _closed(name, _asked_for(name, project), installed)
    yield from _not_as_locked(installed)
    licences = _licences(installed)
    yield from forbidden(licences)
    if PAGE.read_text("utf-8") != page(licences):
        yield "docs/licences.md is not what is installed: python -m deploy.audit --write"


def main() -> int:
    if "--write" in sys.argv:
        PAGE.write_text(page(_licences(here())))
    found = sorted(faults())
    print("\n".join(found) or f"{len(pins(OF_TESTS))} distributions, {len(WANTED)} locks: as they should be")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

"""Completes the bill of materials: to the Python distributions, Debian's packages and Python itself; lists licences.

python bill.py ROOT, which has `sbom.cdx.json` of the distributions, and gets `licences.txt` beside it.
"""

import json
import platform
import re
import sys
from pathlib import Path
from typing import Any

FOLDER = Path("usr/share/inpaint-tracker")
READ = {"protobuf": "BSD-3-Clause"}
"""By hand, of distributions whose own words are no licence that the tool knows."""


def complete(root: Path) -> None:
    bill = json.loads((root / FOLDER / "sbom.cdx.json").read_text())
    for one in bill["components"]:
        if one["name"] in READ and not one.get("licenses"):
            one["licenses"] = [{"license": {"id": READ[one["name"]]}}]
    bill["components"] += [_python(), *map(_debian, sorted((root / "var/lib/dpkg/status.d").iterdir()))]
    (root / FOLDER / "sbom.cdx.json").write_text(json.dumps(bill, indent=1))
    lines = [f"{one['name']:32} {one['version']:20} {_licences(one)}\n" for one in bill["components"]]
    (root / FOLDER / "licences.txt").write_text("".join(sorted(lines, key=str.lower)))


def _python() -> dict[str, Any]:
    version = platform.python_version()
    return {
        "type": "platform", "bom-ref": "cpython", "name": "cpython", "version": version,
        "purl": f"pkg:generic/cpython@{version}", "licenses": [{"license": {"id": "PSF-2.0"}}],
    }  # fmt: skip


def _debian(status: Path) -> dict[str, Any]:
    """Licences of a Debian package are in its copyright file, which the image has."""
    facts = dict(re.findall(r"(?m)^([A-Z][\w-]*): (.*)$", status.read_text()))
    name, version = facts["Package"], facts["Version"]
    purl = f"pkg:deb/debian/{name}@{version.replace('+', '%2B').replace(':', '%3A')}?arch={facts['Architecture']}"
    legal = f"see /usr/share/doc/{name}/copyright"
    return {
        "type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl,
        "licenses": [{"license": {"name": legal}}],
    }  # fmt: skip


def _licences(component: dict[str, Any]) -> str:
    """Each once: an expression, an identifier of SPDX, or a name; where that is all, a classifier of the index."""
    told = []
    for entry in component.get("licenses", ()):
        one = entry.get("license", {})
        told.append(entry.get("expression") or one.get("id") or one.get("name", ""))
    better = [words for words in told if not words.startswith("License ::")]
    return ", ".join(dict.fromkeys(better or [words.rpartition(" :: ")[2] for words in told])) or "not told"


if __name__ == "__main__":
    complete(Path(sys.argv[1]))

"""`inpaint-tracker doctor`."""

import sys
import textwrap
from dataclasses import asdict

from rich.text import Text

from cli.doctor.finding import Finding, Level
from cli.exits import Exit, Stop
from cli.options import AsJson
from cli.output import say_json, writing
from cli.screen import Screen

STYLES = {Level.OK: "green", Level.WARNING: "yellow", Level.PROBLEM: "bold red"}


def doctor(as_json: AsJson = False) -> None:
    """Checks the settings against Redis, Apiframe and the public address; says what is wrong and how to mend it."""
    from cli.doctor.examination import examine_all

    findings = examine_all()
    counts = {level: sum(finding.level is level for finding in findings) for level in Level}
    if as_json:
        shown = [asdict(finding) for finding in findings]
        say_json({"findings": shown, "problems": counts[Level.PROBLEM], "warnings": counts[Level.WARNING]})
    else:
        with writing():
            _print(findings, f"Problems: {counts[Level.PROBLEM]}, warnings: {counts[Level.WARNING]}.")
    if counts[Level.PROBLEM]:
        raise Stop("", Exit.FAILED)


def _print(findings: list[Finding], summary: str) -> None:
    """On a terminal long lines hang under their own column; elsewhere a line stays one."""
    console = Screen(highlight=False, soft_wrap=True)
    indent = 11 + max(len(finding.check) for finding in findings)
    room = max(30, console.width - indent) if console.is_terminal else sys.maxsize
    for finding in findings:
        message = ("\n" + " " * indent).join(textwrap.wrap(finding.message, room))
        level = Text(f"{finding.level:9}", STYLES[finding.level])
        console.print(level + Text(f"{finding.check:{indent - 9}}{message}"))
        for remedy in textwrap.wrap(finding.remedy, room):
            console.print(Text(" " * indent + remedy, "dim"))
    console.print(f"\n{summary}")

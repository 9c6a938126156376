"""What several commands take, and how they say what they found."""

import json
from pathlib import Path
from typing import Annotated

import typer

from cli.api import Job
from cli.exits import Exit, Stop

AsJson = Annotated[bool, typer.Option("--json", help="JSON for scripts, on stdout.")]
JobId = Annotated[str, typer.Argument(help="Our id, or upstream's.", metavar="JOB_ID")]
JobIds = Annotated[list[str], typer.Argument(help="Our ids, or upstream's.", metavar="JOB_ID")]
Labels = Annotated[list[str] | None, typer.Option("--label", help="Repeatable.", metavar="NAME=VALUE")]
_PANEL = "Connection"
Url = Annotated[
    str | None, typer.Option(help="The service's address, before TRACKER_URL.", metavar="URL", rich_help_panel=_PANEL)
]
ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", help="TOML file with url and api_key; by default config.toml in "
                 f"{typer.get_app_dir('inpaint-tracker')}.", rich_help_panel=_PANEL, metavar="FILE"),
]  # fmt: skip


def labels_of(given: list[str] | None) -> dict[str, str]:
    """Raises Stop for one without a name or a value, and for a name given twice."""
    labels: dict[str, str] = {}
    for label in given or []:
        name, _, value = label.partition("=")
        if not (name and value) or name in labels:
            wrong = "was given twice" if name in labels else "is not NAME=VALUE"
            raise Stop(f"--label {label} {wrong}.", Exit.USAGE)
        labels[name] = value
    return labels


def say(job: Job, as_json: bool, plain: str) -> None:
    """At once, so that a pipe sees each as it comes."""
    print(json.dumps(job) if as_json else plain, flush=True)


def one_line(text: str) -> str:
    """Without what could move a terminal's cursor."""
    return "".join(character if character.isprintable() else " " for character in text)

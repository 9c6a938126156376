"""What several commands take."""

from pathlib import Path
from typing import Annotated, TypeVar

import typer

from cli.exits import Exit, Stop
from tracker.ids import as_uuid

Given = TypeVar("Given", str | None, list[str] | None)


def text(given: Given) -> Given:
    """Raises BadParameter for bytes that are no text in the terminal's encoding: no request can carry them."""
    words = [given] if isinstance(given, str) else given or []
    if any(_is_broken(word) for word in words):
        raise typer.BadParameter("not readable as text; is it in another encoding?")
    return given


def upsample(given: str | None) -> str | None:
    """Raises BadParameter for what is no UUID."""
    if text(given) is not None and as_uuid(str(given)) is None:
        raise typer.BadParameter(f"{given!r} is no UUID; expected the id of a job at Apiframe.")
    return given


def _is_broken(word: str) -> bool:
    """Python takes a byte that it cannot read for half a character."""
    try:
        word.encode()
    except UnicodeEncodeError:
        return True
    return False


AsJson = Annotated[bool, typer.Option("--json", help="JSON for scripts, on stdout.")]
JobId = Annotated[str, typer.Argument(help="Our id, or upstream's.", metavar="JOB_ID", callback=text)]
JobIds = Annotated[list[str], typer.Argument(help="Our ids, or upstream's.", metavar="JOB_ID", callback=text)]
Labels = Annotated[list[str] | None, typer.Option("--label", help="Repeatable.", metavar="NAME=VALUE", callback=text)]
_PANEL = "Connection"
Url = Annotated[
    str | None,
    typer.Option(help="The service's address, before TRACKER_URL.", metavar="URL", rich_help_panel=_PANEL,
                 callback=text),
]  # fmt: skip
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

"""`inpaint-tracker`: one screen of commands."""

import sys
from importlib.metadata import version
from typing import Annotated

import typer
from typer.exceptions import TyperException

from cli import completion
from cli.commands import Commands
from cli.exits import Exit, Interrupted, Stop, heed_signals
from cli.output import say, take_any_text, writing
from tracker.errors import ConfigurationError

NAME = "inpaint-tracker"
app = typer.Typer(
    cls=Commands,
    help="Submits Midjourney inpaint jobs to Apiframe and tracks every one to its end.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _tell_version(wanted: bool) -> None:
    if wanted:
        say(f"{NAME} {version(NAME)}")
        raise typer.Exit


@app.callback()
def options(
    _: Annotated[
        bool, typer.Option("--version", "-V", help="Show the version.", is_eager=True, callback=_tell_version)
    ] = False,
) -> None:
    """Submits Midjourney inpaint jobs to Apiframe and tracks every one to its end."""


def main() -> None:
    """Every failure is a line on stderr and an exit code, never a traceback."""
    heed_signals()
    take_any_text()
    completion.enable()
    try:
        with writing():
            code = app(prog_name=NAME, standalone_mode=False)
        sys.exit(code)
    except TyperException as error:
        _end(_one_line(error), Exit.USAGE)
    except ConfigurationError as error:
        _end(str(error), Exit.USAGE)
    except Stop as stop:
        _end(str(stop), stop.code)
    except Interrupted as interrupted:
        _end("Stopped.", interrupted.code)


def _one_line(error: TyperException) -> str:
    """What is wrong with the command line, and where it says how it is right; empty after help that was asked for."""
    message: str = getattr(error, "format_message", error.__str__)().replace("Value error, ", "")  # pydantic's prefix
    path = getattr(getattr(error, "ctx", None), "command_path", NAME)
    stop = "" if message.endswith((".", "?", "!")) else "."
    return f"{message}{stop} See `{path} --help`." if message else ""


def _end(message: str, code: Exit) -> None:
    if message:
        print(message, file=sys.stderr)
    sys.exit(code)

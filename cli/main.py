"""`inpaint-tracker`: one screen of commands."""

import signal
import sys
from collections.abc import Callable

import typer
from typer.exceptions import TyperException

from cli import caller, keys, listing, processes
from cli.demo.command import demo
from cli.doctor.command import doctor
from cli.exits import Exit, Stop
from tracker.errors import ConfigurationError

NAME = "inpaint-tracker"
app = typer.Typer(
    help="Submits Midjourney inpaint jobs to Apiframe and tracks every one to its end.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_PANELS: dict[str, dict[str, Callable[..., None]]] = {
    "Processes": {"serve": processes.serve, "worker": processes.worker, "sandbox": processes.sandbox, "demo": demo},
    "For callers": {
        "submit": caller.submit, "get": caller.get, "list": listing.list_jobs, "watch": caller.watch,
        "cancel": caller.cancel, "track": caller.track, "refresh": caller.refresh,
    },
    "For operators": {"doctor": doctor},
}  # fmt: skip
for panel, commands in _PANELS.items():
    for name, command in commands.items():
        app.command(name, rich_help_panel=panel)(command)
app.add_typer(keys.app, name="keys", rich_help_panel="For operators")


def main() -> None:
    """Every failure is a line on stderr and an exit code, never a traceback. SIGTERM is a wish to end, and no failure:

    as pid 1 a process without a handler would not see it, and uvicorn raises it again once it has stopped.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(Exit.OK))
    try:
        sys.exit(app(prog_name=NAME, standalone_mode=False))
    except TyperException as error:
        _end(_one_line(error), Exit.USAGE)
    except ConfigurationError as error:
        _end(str(error), Exit.USAGE)
    except Stop as stop:
        _end(str(stop), stop.code)
    except KeyboardInterrupt:
        _end("Stopped.", Exit.INTERRUPTED)


def _one_line(error: TyperException) -> str:
    """What is wrong with the command line, and where it says how it is right; empty after help that was asked for."""
    message: str = getattr(error, "format_message", error.__str__)()
    path = getattr(getattr(error, "ctx", None), "command_path", NAME)
    return f"{message.rstrip('.')}; see `{path} --help`." if message else ""


def _end(message: str, code: Exit) -> None:
    if message:
        print(message, file=sys.stderr)
    sys.exit(code)

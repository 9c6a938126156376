"""Commands by name. A module is imported when one of its commands is asked for: `serve` starts in half the time without
what the others use to talk to people."""

from importlib import import_module
from typing import Any, cast

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

PANELS: dict[str, dict[str, str]] = {
    "Processes": {
        "serve": "cli.processes", "worker": "cli.processes", "sandbox": "cli.processes", "demo": "cli.demo.command",
    },
    "For callers": {
        "submit": "cli.caller", "get": "cli.caller", "list": "cli.listing:list_jobs", "watch": "cli.caller",
        "cancel": "cli.caller", "track": "cli.caller", "refresh": "cli.caller", "stats": "cli.stats",
    },
    "For operators": {"doctor": "cli.doctor.command", "healthy": "cli.processes", "keys": "cli.keys:app"},
    "For your shell": {"completion": "cli.completion"},
}  # fmt: skip
"""The module of each, and its name there where it is another."""
_PLACES = {name: (panel, place) for panel, places in PANELS.items() for name, place in places.items()}


class Commands(TyperGroup):
    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.commands: dict[str, Any] = dict.fromkeys(_PLACES)

    def list_commands(self, _: typer.Context) -> list[str]:  # type: ignore[override]  # click's own, within typer
        return list(_PLACES)

    def get_command(self, _: typer.Context, cmd_name: str) -> Any:  # type: ignore[override]  # as above
        if cmd_name in _PLACES and self.commands[cmd_name] is None:
            self.commands[cmd_name] = _made(cmd_name)
        return self.commands.get(cmd_name)


def _made(name: str) -> TyperCommand | TyperGroup:
    panel, place = _PLACES[name]
    module, _, other_name = place.partition(":")
    found, shelf = getattr(import_module(module), other_name or name), typer.Typer()
    shelf.callback()(lambda: None)  # else typer makes no group, but the command itself
    if isinstance(found, typer.Typer):
        shelf.add_typer(found, name=name, rich_help_panel=panel)
    else:
        shelf.command(name, rich_help_panel=panel)(found)
    return cast(TyperCommand | TyperGroup, cast(TyperGroup, get_command(shelf)).commands[name])

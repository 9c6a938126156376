"""`stats`: how it goes, once, or again each second."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.live import Live
from rich.text import Text

from cli.api import Api, connect
from cli.config import caller_settings
from cli.exits import Exit, Stop
from cli.figures import line, summary
from cli.options import AsJson, ConfigFile, Url
from cli.output import say, say_json
from cli.screen import Screen

Stats = dict[str, Any]
SECONDS = 1.0


def stats(
    live: Annotated[bool, typer.Option("--live", help="Again each second, until Ctrl-C.")] = False,
    as_json: AsJson = False,
    url: Url = None,
    config: ConfigFile = None,
) -> None:
    """Shows how it goes: jobs, queue, webhooks, times and credits, over the jobs that your key may read."""
    with connect(caller_settings(url, config)) as api:
        if live:
            with _shown_again(as_json) as show:
                for found in _each_second(api):
                    show(found)
        elif as_json:
            say_json(api.stats())
        else:
            screen = Screen()
            screen.print(summary(api.stats(), screen.width if screen.is_terminal else None), soft_wrap=True)


def _each_second(api: Api) -> Iterator[Stats]:
    """For ever. A service that was reached once may be away for a while."""
    yield api.stats()
    due, away = time.monotonic(), False
    while True:
        due = max(due + SECONDS, time.monotonic())
        time.sleep(max(0.0, due - time.monotonic()))
        try:
            yield api.stats()
            away = False
        except Stop as stop:
            if stop.code is not Exit.UNREACHABLE:
                raise
            if not away:
                print(f"{stop}; trying on.", file=sys.stderr, flush=True)
            away = True


@contextmanager
def _shown_again(as_json: bool) -> Iterator[Callable[[Stats], None]]:
    """In place on a terminal, a line a second elsewhere."""
    screen = Screen()
    if as_json:
        yield say_json
    elif not screen.is_terminal or screen.is_dumb_terminal:
        yield lambda found: say(line(found))
    else:
        with Live(Text("…"), console=screen, auto_refresh=False, vertical_overflow="crop") as drawn:
            yield lambda found: drawn.update(_timed(found, screen), refresh=True)


def _timed(found: Stats, screen: Screen) -> Text:
    at = datetime.fromisoformat(found["at"]).astimezone()
    return Text.assemble(summary(found, screen.width), (f"\n{at:%H:%M:%S}, each second until Ctrl-C", "dim"))

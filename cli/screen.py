"""What people see of tables, bars and colours."""

from typing import NoReturn

from rich.console import Console

from cli.output import unread


class Screen(Console):
    """rich's console, which would end with 1 where nobody reads on: with us that means a job that failed."""

    def on_broken_pipe(self) -> NoReturn:
        raise unread()

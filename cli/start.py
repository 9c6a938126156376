"""The console script. A health check runs every few seconds, so it does without what all other commands import."""

import signal
import sys


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as pid 1 it would not be heard without a handler
    match sys.argv[1:]:
        case ["healthy", *names] if len(names) < 2 and not any(name.startswith("-") for name in names):
            from cli.healthy import check

            sys.exit(check(*names))
        case _:
            from cli.main import main as every_command

            every_command()

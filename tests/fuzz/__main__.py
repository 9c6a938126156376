"""PYTHONPATH=client python -m tests.fuzz, or make fuzz."""

import argparse
import asyncio
import sys
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

from rich.console import Console
from rich.table import Table

from tests.fuzz.place import standing
from tests.fuzz.run import Run


def main() -> int:
    """0 if nothing was found, else 1; then the processes' logs are kept, too."""
    given = _arguments()
    folder, console = Path(mkdtemp(prefix="fuzz-")), Console()
    try:
        run = _run(folder, given.cases, given.seed)
    except KeyboardInterrupt:
        console.print(f"It was stopped. Logs: {folder}")
        return 1
    _show(console, run)
    if run.found:
        console.print(f"Logs: {folder}")
    else:
        rmtree(folder)
    return 1 if run.found else 0


def _run(folder: Path, cases: int, seed: int) -> Run:
    with standing(folder) as target:
        run = Run(target, seed)
        run.fuzz(cases)
        run.found.extend(target.troubles())
        try:
            asyncio.run(target.require_order())
        except AssertionError as error:
            run.found.append(f"What must hold in Redis does not: {error}")
        return run


def _show(console: Console, run: Run) -> None:
    table = Table("cases of", "number", "seconds", title=f"Seed {run.seed}")
    for kind, number in run.done.items():
        table.add_row(kind, f"{number:,}", f"{run.seconds[kind]:.0f}")
    table.add_row("all", f"{run.done.total():,}", f"{sum(run.seconds.values()):.0f}")
    console.print(table)
    for finding in run.found:
        console.print(finding, markup=False)
    console.print(f"{len(run.found)} found." if run.found else "Nothing found.")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000, help="in all (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="draws others (%(default)s)")
    return parser.parse_args()


sys.exit(main())

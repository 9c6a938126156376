"""PYTHONPATH=client python -m tests.soak, or make soak."""

import argparse
import asyncio
import sys
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

from rich.console import Console

from tests.soak import report
from tests.soak.plan import Plan
from tests.soak.run import soak
from tests.soak.verdicts import verdicts


def main() -> int:
    """0 if every promise was kept, else 1; then the processes' logs and Redis' data are kept, too."""
    given = _arguments()
    plan = Plan(given.seconds, given.jobs, given.seed, given.poll_after)
    folder = Path(mkdtemp(prefix="soak-"))
    console = Console()
    try:
        evidence = asyncio.run(soak(plan, folder))
    except (TimeoutError, KeyboardInterrupt) as error:
        why = "was stopped" if isinstance(error, KeyboardInterrupt) else "was not over in time"
        console.print(f"It {why}. Logs and data: {folder}")
        return 1
    judged = verdicts(evidence)
    report.show(console, plan, evidence, judged)
    kept = all(verdict.kept for verdict in judged)
    if kept and not given.keep:
        rmtree(folder)
    else:
        console.print(f"Logs and data: {folder}")
    return 0 if kept else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=540, help="how long everything misbehaves (%(default)s)")
    parser.add_argument("--jobs", type=int, default=5000, help="submissions, spread over that time (%(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="draws another plan (%(default)s)")
    parser.add_argument("--poll-after", type=float, default=30, help="POLL_AFTER_SECONDS of the service (%(default)s)")
    parser.add_argument("--keep", action="store_true", help="keep logs and data also where all is well")
    return parser.parse_args()


sys.exit(main())

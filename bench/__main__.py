"""make bench: every measurement, or those that are named, and one table of all that was asked for."""

import argparse
import sys
from dataclasses import replace

from rich.console import Console

from bench import atrest, growth, memory, pages, processes, reads, streams, webhooks
from bench.measures import QUICK, Bench, Scale, summary
from bench.place import keep_aside
from bench.report import into_docs

WIDTH = 130
BENCHES: dict[str, Bench] = {
    "webhooks": webhooks.run,
    "processes": processes.run,
    "reads": reads.run,
    "growth": growth.run,
    "memory": memory.run,
    "streams": streams.run,
    "pages": pages.run,
    "atrest": atrest.run,
}


def main() -> int:
    """0 where every bound that must be kept was kept."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("what", nargs="*", metavar="what", help=f"all, or some of: {', '.join(BENCHES)}")
    parser.add_argument("--quick", action="store_true", help="everything, small: shows that it runs; figures are rough")
    parser.add_argument("--rounds", type=int, help="of each that take turns (5; of deliveries 15)")
    parser.add_argument("--many", type=int, help="jobs in Redis for what is said of growth (1,000,000)")
    parser.add_argument("--docs", action="store_true", help="puts table and picture into docs/")
    given = parser.parse_args()
    if unknown := set(given.what) - set(BENCHES):
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    scale = QUICK if given.quick else Scale()
    scale = replace(
        scale,
        rounds=given.rounds or scale.rounds,
        noisy=given.rounds or scale.noisy,
        many=given.many or scale.many,
    )
    keep_aside()
    console = Console(width=WIDTH)
    measures = [one for name in given.what or BENCHES for one in BENCHES[name](console, scale)]
    console.print(summary(measures))
    if given.docs:
        into_docs(measures)
    return 1 if any(one.met == "missed" for one in measures) else 0


sys.exit(main())

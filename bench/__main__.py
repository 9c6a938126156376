"""python -m bench, or make bench."""

import argparse
import sys
from collections.abc import Callable

from rich.console import Console

from bench import pages, streams

BENCHES: dict[str, Callable[[Console], bool]] = {"streams": streams.run, "pages": pages.run}


def main() -> int:
    """0 where every bound was kept."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("what", nargs="?", choices=list(BENCHES), help="all, if none is named")
    given = parser.parse_args().what
    console = Console(width=110)
    kept = {name: BENCHES[name](console) for name in ([given] if given else BENCHES)}
    return 0 if all(kept.values()) else 1


sys.exit(main())

"""What a second, third and fourth service process add, until Redis' processor or the machine is full.

Each may use every processor; who sends and Redis take their share of the same.
"""

import asyncio
from functools import partial
from statistics import median

from rich.console import Console
from rich.table import Table

from bench.contenders import one_round, ours
from bench.measures import Measure, Scale, in_turn, ratio, spread
from bench.place import PROCESSORS, a_redis


def run(console: Console, scale: Scale) -> list[Measure]:
    with a_redis() as redis_url:
        kinds = {
            str(count): partial(one_round, ours(redis_url), scale.jobs, processes=count)
            for count in range(1, scale.processes + 1)
        }
        found = asyncio.run(in_turn(console, scale.rounds, kinds, "processes"))
    rates = {count: [one.answered.rate for one in rounds] for count, rounds in found.items()}
    table = Table(title=f"Service processes on one Redis and {len(PROCESSORS)} processors; median (from, to)")
    for column in ("processes", "webhooks a second", "Redis busy", "jobs wrong"):
        table.add_column(column, justify="right")
    for count, rounds in found.items():
        busy = median(one.redis_cpu / 1e6 * one.answered.rate for one in rounds)
        table.add_row(count, spread(rates[count]), f"{busy:.0%}", str(sum(one.jobs_wrong for one in rounds)))
    console.print(table)
    faults = sum(one.faults for rounds in found.values() for one in rounds)
    return [
        *(
            Measure(f"{count} processes: rate to one's", ratio(rates[count], rates["1"]))
            for count in rates
            if count != "1"
        ),
        Measure("several processes: jobs wrong, unacknowledged, forged taken", faults, 0),
    ]

"""Several jobs followed at once: bars or lines for people, an object a line for scripts."""

import json
import queue
import threading
from collections.abc import Iterable, Iterator, Mapping

from rich.console import Console

from cli.api import Api, Job
from cli.bars import JobBars
from cli.exits import Exit, Stop, stop_if_any

State = tuple[str, Job | Stop]


def follow_all(api: Api, titles: Mapping[str, str], as_json: bool) -> None:
    """`titles` by job id. Prints the images on stdout; raises Stop unless every job completed."""
    states = _states(api, titles)
    last = _as_json(states) if as_json else _as_bars(states, titles)
    jobs = [last[job_id] for job_id in titles if job_id in last]
    if not as_json:
        _print_images([job for job in jobs if isinstance(job, dict)], several=len(titles) > 1)
    stop_if_any([trouble for job in jobs if (trouble := _trouble(job))])


def _states(api: Api, ids: Iterable[str]) -> Iterator[State]:
    """The states of every job as they come. The threads are daemons: a held answer must not hold up Ctrl-C."""
    news: queue.Queue[State | None] = queue.Queue()

    def follow(job_id: str) -> None:
        try:
            for job in api.follow(job_id):
                news.put((job_id, job))
        except Stop as stop:
            news.put((job_id, stop))
        finally:
            news.put(None)

    threads = [threading.Thread(target=follow, args=(job_id,), daemon=True) for job_id in ids]
    for thread in threads:
        thread.start()
    running = len(threads)
    while running:
        state = news.get()
        if state is None:
            running -= 1
        else:
            yield state


def _as_json(states: Iterator[State]) -> dict[str, Job | Stop]:
    last: dict[str, Job | Stop] = {}
    for job_id, state in states:
        last[job_id] = state
        if not isinstance(state, Stop):
            print(json.dumps(state), flush=True)
    return last


def _as_bars(states: Iterator[State], titles: Mapping[str, str]) -> dict[str, Job | Stop]:
    last: dict[str, Job | Stop] = {}
    with JobBars(Console(stderr=True)) as bars:
        for job_id, state in states:
            last[job_id] = state
            if not isinstance(state, Stop):
                bars.show(titles[job_id], state)
    return last


def _print_images(jobs: list[Job], several: bool) -> None:
    """Addresses alone for one job; each after its job's id for several."""
    for job in jobs:
        for url in (job["result"] or {}).get("images", []):
            print(f"{job['id']} {url}" if several else url)


def _trouble(job: Job | Stop) -> Stop | None:
    if isinstance(job, Stop):
        return job
    if job["status"] == "COMPLETED":
        return None
    error = job["error"] or {"code": job["status"].lower(), "message": "no reason given"}
    return Stop(f"{job['id']} {job['status']}: {error['message']} ({error['code']})", Exit.FAILED)

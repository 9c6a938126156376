"""Several jobs followed at once: bars or lines for people, an object a line for scripts."""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext

from cli.api import Api, Job, is_final
from cli.bars import JobBars
from cli.exits import Exit, Interrupted, Stop, stop_if_any
from cli.output import say, say_json
from cli.screen import Screen

State = tuple[str, Job | Stop]
Show = Callable[[str, Job], None]


def follow_all(api: Api, titles: Mapping[str, str], show: Show | None = None) -> None:
    """`titles` by job id. `show` gets each state; without it people are shown them, and at the end the images.

    Raises Stop unless every job completed.
    """
    last: dict[str, Job | Stop] = {}
    try:
        _follow(api, titles, show, last)
    except Interrupted as interrupted:
        raise _stopped([job_id for job_id in titles if _goes_on(last.get(job_id))], interrupted.code) from None
    several, ends = len(titles) > 1, [(job_id, last[job_id]) for job_id in titles if job_id in last]
    if show is None:
        _say_images([job for _, job in ends if isinstance(job, dict)], several)
    stop_if_any([trouble for job_id, job in ends if (trouble := _trouble(job_id, job, several))])


def as_lines(beside: Mapping[str, Job] | None = None) -> Show:
    """A state a line, as JSON; what stands `beside` a job's id is put into each of its lines."""
    return lambda job_id, job: say_json({**job, **(beside or {}).get(job_id, {})})


def _follow(api: Api, titles: Mapping[str, str], show: Show | None, last: dict[str, Job | Stop]) -> None:
    with nullcontext(show) if show else _bars(titles) as tell:
        for job_id, state in _states(api, titles):
            last[job_id] = state
            if not isinstance(state, Stop):
                tell(job_id, state)


@contextmanager
def _bars(titles: Mapping[str, str]) -> Iterator[Show]:
    with JobBars(Screen(stderr=True), list(titles.values())) as bars:
        yield lambda job_id, job: bars.show(titles[job_id], job)


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


def _goes_on(job: Job | Stop | None) -> bool:
    return job is None or (isinstance(job, dict) and not is_final(job))


def _stopped(ids: list[str], code: Exit) -> Stop:
    goes_on = "the job goes on" if len(ids) == 1 else "the jobs go on"
    return Stop(f"Stopped; {goes_on}: inpaint-tracker watch {' '.join(ids)}" if ids else "Stopped.", code)


def _say_images(jobs: list[Job], several: bool) -> None:
    """Addresses alone for one job; each after its job's id for several."""
    for job in jobs:
        for url in (job["result"] or {}).get("images", []):
            say(f"{job['id']} {url}" if several else url)


def _trouble(job_id: str, job: Job | Stop, several: bool) -> Stop | None:
    if isinstance(job, Stop):
        return Stop(f"{job_id}: {job}", job.code) if several else job
    if job["status"] == "COMPLETED":
        return None
    error = job["error"]
    why = f": {error['message']} ({error['code']})" if error else "."
    return Stop(f"{job['id']} {job['status']}{why}", Exit.FAILED)

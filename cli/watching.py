"""Everything that matches a filter, followed over one stream."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from itertools import takewhile

from cli.api import FOLLOW_PAUSES, Api, is_final
from cli.bars import JobBars
from cli.exits import Exit, Stop
from cli.filters import Filters
from cli.output import Job, one_line, say_json
from cli.screen import Screen
from tracker.job import Status

MOST_LISTED = 1_000
"""Of the jobs that run already. Those beyond are seen when they change."""
MOST_ENDED = 1_000
"""Jobs that have ended, of which it is known that they were told."""
_RUNNING = tuple(status.value for status in Status if not status.is_final)
_ENDED = tuple(status.value for status in Status if status.is_final)


def watch_matching(api: Api, filters: Filters, statuses: Collection[str], as_json: bool) -> None:
    """Until somebody stops it: bars on a terminal, a line for each change elsewhere, an object a line as JSON."""
    matching = Matching(api, filters, statuses)
    if as_json:
        for job in matching.changes():
            say_json(job)
        return
    with JobBars(Screen(), for_ever=True) as bars:
        for job in matching.changes():
            bars.show(one_line(job["id"]), job)


@dataclass
class Matching:
    """The jobs that are followed: each that meets the filters, from when it has one of `statuses` to its end.

    The status is looked at here: the service would say nothing of a job that leaves the one that was asked for.
    """

    api: Api
    filters: Filters
    statuses: Collection[str]
    _newest: str | None = None
    _running: dict[str, Job] = field(default_factory=dict)
    _ended: dict[str, Job] = field(default_factory=dict)

    def changes(self) -> Iterator[Job]:
        """Those that run, oldest first, then each change, for ever."""
        for told in self.api.follow_all(self.filters):
            for job in self._listed() if told is None else (told,):
                if self._is_news(job):
                    self._keep(job)
                    yield job

    def _listed(self) -> Iterator[Job]:
        """What runs; how that stands which ran when it was seen last; and what has come and ended since."""
        newest = next((job["id"] for job in self._of((), 1)), "")
        found = list(self._of(_RUNNING, MOST_LISTED))
        missed = self._running.keys() - {job["id"] for job in found}
        yield from reversed(found)
        yield from self._asked(missed)
        if self._newest is not None:
            since = self._newest
            yield from takewhile(lambda job: job["id"] > since, self._of(_ENDED, MOST_LISTED))
        self._newest = newest  # ids are in the order of creation

    def _of(self, statuses: Collection[str], limit: int) -> Iterator[Job]:
        """Newest first."""
        wanted = [("status", status) for status in statuses if status in self._wanted]
        if wanted or not statuses:
            yield from self.api.jobs([*self.filters, *wanted], limit, FOLLOW_PAUSES)

    def _asked(self, ids: Collection[str]) -> Iterator[Job]:
        for job_id in sorted(ids):
            try:
                yield self.api.get(job_id, FOLLOW_PAUSES)
            except Stop as stop:
                if stop.code is not Exit.REFUSED:
                    raise
                del self._running[job_id]  # it is kept no more

    @property
    def _wanted(self) -> Collection[str]:
        return self.statuses or tuple(Status)

    def _is_news(self, job: Job) -> bool:
        """A list may have been faster than the stream: what is older than what is known is none."""
        known = self._running.get(job["id"]) or self._ended.get(job["id"])
        if known is None:
            return job["status"] in self._wanted
        return known != job and str(known.get("updatedAt")) <= str(job.get("updatedAt"))

    def _keep(self, job: Job) -> None:
        self._running.pop(job["id"], None)
        self._ended.pop(job["id"], None)
        if is_final(job):
            self._ended[job["id"]] = job
            if len(self._ended) > MOST_ENDED:
                del self._ended[next(iter(self._ended))]
        else:
            self._running[job["id"]] = job

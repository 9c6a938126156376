"""Following one job to its end by held answers, without I/O: which call comes next, and what its answer changed."""

import time

from inpaint_tracker_client.answers import Reply, read_job
from inpaint_tracker_client.calls import Call, held
from inpaint_tracker_client.models import Job, WaitTimeout

HOLD = 30.0
"""Seconds of one held answer: half of what the service allows, and less than most proxies' patience."""
TOO_SOON = 1.0
"""Seconds to pause after an answer that was neither held nor new, as a stopping service gives it."""


class Watch:
    """Each call names the ETag that is known, so a change between two of them is answered at once."""

    def __init__(self, job_id: str, timeout: float | None, every_change: bool) -> None:
        self._job_id = job_id
        self._deadline = time.monotonic() + (float("inf") if timeout is None else timeout)
        self._every_change = every_change
        self._job: Job | None = None
        self._etag: str | None = None
        self._pause = 0.0

    def call(self) -> Call[Job | None]:
        """The next one. It reads as the job where that is new or changed, else as None. Raises WaitTimeout."""
        left = max(0.0, self._deadline - time.monotonic())
        if self._job is not None and not left:
            raise WaitTimeout(self._job)
        hold = 0.0 if self._job is None and self._every_change else min(HOLD, left)
        request = held(self._job_id, hold, self._etag, not self._every_change)
        due = time.monotonic() + self._pause + hold / 2
        return Call(request, lambda reply: self._news(reply, due), min(self._pause, left), self._deadline)

    def _news(self, reply: Reply, due: float) -> Job | None:
        """Compares the jobs, too: whatever is in between may have touched the ETag."""
        job = self._job if reply.status == 304 and self._job else read_job(reply)
        changed, self._job = job != self._job, job
        self._etag = reply.headers.get("etag", self._etag if reply.status == 304 else None)
        self._pause = 0.0 if changed or time.monotonic() >= due else TOO_SOON
        return job if changed else None

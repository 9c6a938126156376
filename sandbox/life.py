"""A job's life in time: QUEUED → PROCESSING in steps → COMPLETED, FAILED, CANCELLED, or never an end."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Literal

from sandbox.crew import Crew
from sandbox.jobs import Job, Status
from sandbox.mischief import Dice
from sandbox.settings import SandboxSettings
from sandbox.webhooks import Courier

Clock = Callable[[], datetime]
End = Literal["completed", "failed", "cancelled", "stalled"]


class Life:
    """Runs each job in a task of its own, at most `max_concurrent_jobs` in PROCESSING, first come first served."""

    def __init__(self, settings: SandboxSettings, dice: Dice, courier: Courier, crew: Crew, clock: Clock) -> None:
        self._settings, self._dice, self._courier = settings, dice, courier
        self._crew, self._clock = crew, clock
        self._places = asyncio.Semaphore(settings.max_concurrent_jobs)

    def begin(self, job: Job) -> None:
        if job.request.webhook_url:
            job.webhook_status = "pending"
        self._crew.start(self._live(job, self._fate()))

    def _fate(self) -> End:
        # drawn at submission, so that the n-th job meets the n-th draw whatever the timing
        failed = self._dice.strikes("job_failed")
        cancelled = self._dice.strikes("job_cancelled")
        stalled = self._dice.strikes("job_stalled")
        return "failed" if failed else "cancelled" if cancelled else "stalled" if stalled else "completed"

    async def _live(self, job: Job, end: End) -> None:
        await asyncio.sleep(self._settings.queue_seconds)
        async with self._places:
            job.status = Status.PROCESSING
            await self._work(job, 100 if end == "completed" else 50)
        match end:
            case "completed":
                self._complete(job)
            case "failed":
                self._fail(job)
            case "cancelled":
                self._cancel(job)
            case "stalled":
                pass
        job.ended_at = None if end == "stalled" else self._clock()
        self._courier.finish(job)
        job.settled.set()

    async def _work(self, job: Job, until: int) -> None:
        step = self._settings.progress_step
        for percent in [*range(step, until, step), until]:
            await asyncio.sleep(self._settings.run_seconds * (percent - (job.progress or 0)) / 100)
            if percent < until:
                job.progress = percent
                self._courier.send(job, "progress")

    def _complete(self, job: Job) -> None:
        job.status, job.progress, job.completed_at = Status.COMPLETED, 100, self._clock()
        job.result = job.files()
        if self._dice.strikes("result_string"):
            job.result = job.result.get("gridUrl", job.result["images"][0])
        if self._dice.strikes("result_null"):
            job.result = None
        self._courier.send(job, "completed")

    def _fail(self, job: Job) -> None:
        self._refund(job)
        text = self._dice.mischief.failure
        job.status, job.progress, job.completed_at = Status.FAILED, 0, self._clock()
        job.credit_cost = 0
        job.error = {"message": text} if self._dice.strikes("error_object") else text
        self._courier.send(job, "failed")

    def _cancel(self, job: Job) -> None:
        self._refund(job)
        job.status, job.progress, job.credit_cost, job.webhook_status = Status.CANCELLED, None, None, None

    def _refund(self, job: Job) -> None:
        job.user.ledger.refund(job.id, job.request.cost)

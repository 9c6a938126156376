"""How a job is taken in, whichever door it came through: judged, given an id, and held with its mask."""

from dataclasses import dataclass

from tracker.clock import Clock
from tracker.ids import new_id
from tracker.job import Job
from tracker.store.jobs import JobStore
from tracker.submission import Submission


@dataclass(frozen=True)
class Intake:
    store: JobStore
    clock: Clock

    async def take(
        self, submission: Submission, owner: str, *, key: str | None = None, job_id: str | None = None
    ) -> tuple[str, bool]:
        """The id of the pending job, and whether it is an earlier one under the same Idempotency-Key.

        `job_id` is an id that the caller knows already. Raises Conflict where the key stands for another body.
        """
        job = self._pending(submission, owner, job_id)
        return await self.store.create(job, submission.mask.png, (key, submission.digest) if key else None)

    def _pending(self, submission: Submission, owner: str, job_id: str | None) -> Job:
        now, asked = self.clock(), submission.request
        return Job(
            id=job_id or new_id(now),
            owner=owner,
            parent_job_id=asked.parent_job_id,
            prompt=asked.prompt,
            labels=asked.labels,
            mask=submission.mask.facts,
            created_at=now,
            updated_at=now,
        )

"""How a job is taken in, whichever door it came through: judged, given an id, and held with its mask."""

from dataclasses import dataclass

from tracker.clock import Clock
from tracker.errors import MaskRefused
from tracker.ids import new_id
from tracker.job import Job, Status
from tracker.store.jobs import JobStore
from tracker.store.pages import Filter
from tracker.submission import Submission
from tracker.trail import Trail

SIBLINGS = 5
"""Jobs of the same parent that are looked at for its size."""


@dataclass(frozen=True)
class Intake:
    store: JobStore
    clock: Clock

    async def take(
        self, submission: Submission, owner: str, trail: Trail, *, key: str | None = None, job_id: str | None = None
    ) -> tuple[str, bool]:
        """The id of the pending job, and whether it is an earlier one under the same Idempotency-Key.

        `job_id` is an id that the caller knows already. Raises Conflict where the key stands for another body, and
        InvalidInput where the mask's size cannot be the parent's.
        """
        if key is None or not await self.store.remembers(owner, key):  # a repetition gets the answer of the first
            await self._check_size(submission, owner)
        job = self._pending(submission, owner, job_id)
        return await self.store.create(job, submission.mask.png, (key, submission.digest) if key else None, trail)

    async def _check_size(self, submission: Submission, owner: str) -> None:
        """Upstream wants the parent's size, and says so only later. What we know of a parent is what
        its owner has completed with; where that is not one size, we know nothing."""
        facts, parent = submission.mask.facts, submission.request.parent_job_id
        wanted = Filter(statuses=(Status.COMPLETED,), owner=owner, parent_job_id=parent)
        sizes = await self.store.mask_sizes(wanted, SIBLINGS)
        if len(sizes) == 1 and (size := sizes.pop()) != (facts.width, facts.height):
            raise MaskRefused(
                f"The mask is {facts.width} x {facts.height} pixels, the parent's image {size[0]} x {size[1]}: "
                "make it the same size."
            )

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

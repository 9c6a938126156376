"""A submission becomes a job: replay, parent, mask, credits, in this order and in one breath.

`take` never awaits. That is what makes concurrent requests with one Idempotency-Key yield one job.
"""

import hashlib
import json
import math
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sandbox.accounts import User
from sandbox.archive import Archive
from sandbox.bodies import Generate, Pan, Submission
from sandbox.jobs import Job, Status
from sandbox.life import Clock, Life
from sandbox.masks import Mask, same_size
from sandbox.refusals import Invalid, JobNotFound, KeyReused, Unavailable, WrongParent

REMEMBERED = timedelta(hours=24)
LONGEST_KEY = 255
SIDE = 1024


@dataclass(frozen=True, slots=True)
class Ask:
    """One submit request: who, with which key, what (parsed and as received), under which base URL."""

    user: User
    key: str
    request: Submission
    body: Mapping[str, Any]
    mask: Mask | None
    idempotency_key: str | None
    base_url: str


@dataclass(frozen=True, slots=True)
class Taken:
    digest: bytes
    job: Job
    at: datetime


class Intake:
    """Turns an `Ask` into a job that lives, or raises the refusal that upstream would answer."""

    def __init__(self, archive: Archive, life: Life, clock: Clock) -> None:
        self._archive, self._life, self._clock = archive, life, clock
        self._taken: dict[tuple[str, str], Taken] = {}

    def take(self, ask: Ask) -> Job:
        """The new job, or the original one for an Idempotency-Key seen within 24 h."""
        if job := self._replayed(ask):
            return job
        job = self._made(ask)
        job.user.ledger.charge(job.id, ask.request.cost)
        job.credit_cost = ask.request.cost
        self._archive.add(job)
        self._life.begin(job)
        if ask.idempotency_key:
            self._taken[ask.key, ask.idempotency_key] = Taken(_digest(ask), job, self._clock())
        return job

    def _replayed(self, ask: Ask) -> Job | None:
        if ask.idempotency_key is None:
            return None
        if len(ask.idempotency_key) > LONGEST_KEY:
            raise Invalid({"Idempotency-Key": [f"Too big: expected string to have <={LONGEST_KEY} characters"]})
        taken = self._taken.get((ask.key, ask.idempotency_key))
        if taken is None or self._clock() - taken.at >= REMEMBERED:
            return None
        if taken.digest != _digest(ask):
            raise KeyReused
        return taken.job

    def _made(self, ask: Ask) -> Job:
        parent = self._parent(ask)
        if ask.mask and parent:
            same_size(ask.mask, parent.size)
        return Job(
            id=str(uuid.uuid4()),
            number=self._archive.next_number(),
            user=ask.user,
            key=ask.key,
            request=ask.request,
            input={name: value for name, value in ask.body.items() if name != "mask"},
            size=_size(ask.request, parent),
            base_url=ask.base_url,
            created_at=self._clock(),
            parent=parent,
            mask=ask.mask,
        )

    def _parent(self, ask: Ask) -> Job | None:
        """Raises `JobNotFound` (unknown, not yours), `WrongParent` (kind) or `Unavailable` (state)."""
        request = ask.request
        if isinstance(request, Generate):
            return None
        parent = self._archive.find(request.parent_job_id, ask.user)
        if parent is None:
            raise JobNotFound("Parent job not found")
        if parent.kind != request.acts_on:
            wanted = "an upsample" if request.acts_on == "upsample" else "a grid"
            raise WrongParent(f"{request.action} acts on {wanted} job, and the parent is not one")
        if parent.status is not Status.COMPLETED or self._archive.expired(parent):
            raise Unavailable
        return parent


def _digest(ask: Ask) -> bytes:
    """The same for the same JSON, whatever its blanks and the order of its names."""
    same = json.dumps([ask.request.action, ask.body], sort_keys=True)
    return hashlib.sha256(same.encode()).digest()


def _size(request: Submission, parent: Job | None) -> tuple[int, int]:
    """(width, height) of the result: about one megapixel for a generation, half as long again for a pan."""
    if parent is None:
        return fit(request.midjourney_params.aspect_ratio) if isinstance(request, Generate) else (SIDE, SIDE)
    width, height = parent.size
    if not isinstance(request, Pan):
        return width, height
    return (width * 3 // 2, height) if request.direction in ("left", "right") else (width, height * 3 // 2)


def fit(aspect_ratio: str) -> tuple[int, int]:
    """About 1024x1024 pixels in this ratio, at most 3:1 either way, sides in multiples of 32."""
    across, down = (int(part) for part in aspect_ratio.split(":"))
    ratio = min(3.0, max(1 / 3, across / down if down else 3.0))
    width, height = SIDE * math.sqrt(ratio), SIDE / math.sqrt(ratio)
    return round(width / 32) * 32, round(height / 32) * 32

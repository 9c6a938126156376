"""A job as upstream knows it, and the three shapes in which it is told: answer, list item, webhook body."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Literal

from sandbox.accounts import User
from sandbox.bodies import Submission, Upsample, WebhookEvent
from sandbox.masks import Mask

MODEL = "midjourney"
WebhookStatus = Literal["pending", "delivered", "failed"]


class Status(StrEnum):
    QUEUED = "QUEUED"
    PROCESSING = "PROCESSING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"


@dataclass(slots=True, eq=False)
class Job:
    """`number` counts from 1; `size` is (width, height) of each result image; `request` is what was asked.

    `settled` is set when nothing more will happen to it, be it that it stalls for good. `ended_at` is known of every
    final job, and told backstage alone: upstream does not say when a job was cancelled.
    """

    id: str
    number: int
    user: User
    key: str
    request: Submission
    input: dict[str, Any]
    size: tuple[int, int]
    base_url: str
    created_at: datetime
    parent: "Job | None" = None
    mask: Mask | None = None
    picture: bytes | None = field(default=None, repr=False)
    seed_prompt: str = ""

    status: Status = Status.QUEUED
    progress: int | None = 0
    result: Any = None
    error: Any = None
    credit_cost: int | None = None
    webhook_status: WebhookStatus | None = None
    completed_at: datetime | None = None
    ended_at: datetime | None = None
    settled: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    @property
    def images(self) -> int:
        return 1 if isinstance(self.request, Upsample) else 4

    @property
    def kind(self) -> Literal["grid", "upsample"]:
        return "upsample" if self.images == 1 else "grid"

    @property
    def prompt(self) -> str:
        """Its own, or that of the nearest ancestor which has one."""
        own: str = getattr(self.request, "prompt", "") or self.seed_prompt
        return own or (self.parent.prompt if self.parent else "")

    def files(self) -> dict[str, Any]:
        """The documented result: `{images}` for an upsample, `{images, gridUrl}` for all else."""
        stem = f"{self.base_url}/images/{self.id}"
        images = [f"{stem}-{n}.png" for n in range(1, self.images + 1)]
        return {"images": images} if self.images == 1 else {"images": images, "gridUrl": f"{stem}-grid.png"}

    def wire(self, *, expired: bool, with_input: bool) -> dict[str, Any]:
        """The job as `GET /v2/jobs/{id}` (with its input) and `GET /v2/jobs` (without) answer it."""
        answer = {
            "id": self.id,
            "status": self.status,
            "model": MODEL,
            "progress": self.progress,
            "result": self.result,
            "error": self.error,
            "creditCost": self.credit_cost,
            "webhookStatus": self.webhook_status,
            "createdAt": timestamp(self.created_at),
            "completedAt": self.completed_at and timestamp(self.completed_at),
            "expired": expired,
        }
        return {**answer, "input": self.input} if with_input else answer

    def accepted(self) -> dict[str, Any]:
        """The 202 of a submit. Its status enum has no CANCELLED; FAILED is nearest."""
        status = Status.FAILED if self.status is Status.CANCELLED else self.status
        return {"jobId": self.id, "status": status}

    def event(self, event: WebhookEvent) -> dict[str, Any]:
        """The documented webhook body: each event has a field set of its own."""
        envelope = {"event": event, "jobId": self.id, "status": self.status}
        match event:
            case "progress":
                return {**envelope, "progress": self.progress, "model": MODEL}
            case "failed":
                return {**envelope, "error": self.error, "model": MODEL}
            case "completed":
                return {
                    **envelope,
                    "progress": self.progress,
                    "result": self.result,
                    "model": MODEL,
                    "creditCost": self.credit_cost,
                    "completedAt": self.completed_at and timestamp(self.completed_at),
                }


def timestamp(moment: datetime) -> str:
    """ISO 8601 in UTC to the millisecond, as in `2026-03-15T10:00:32.000Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

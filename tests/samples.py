"""Jobs in every state, brought there by the events that bring a job there, and the events themselves."""

import hashlib
import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from tracker.events import Accepted, Deferred, Event, Expired, Missing, Overdue, Refused, Report, Withdrawn
from tracker.ids import new_id
from tracker.job import Failure, FailureCode, Job, MaskFacts, Result, Source, Status
from tracker.store.jobs import Applied, JobStore
from tracker.transitions import Kind, State

START = datetime(2026, 3, 15, 10, 0, tzinfo=UTC)
SILENCE = timedelta(seconds=30)
WEBHOOKS = "https://tracker.example/webhooks/apiframe/"
PARENT = "c3d4e5f6-a7b8-4012-8def-345678901234"
RESULT = Result(
    images=tuple(f"https://cdn2.apiframe.ai/images/b2c3-{n}.png" for n in range(1, 5)),
    grid_url="https://cdn2.apiframe.ai/images/b2c3-grid.png",
)
_ids = itertools.count(1)


def upstream_id() -> str:
    return str(UUID(int=next(_ids) | (4 << 76) | (2 << 62)))


def moments(start: datetime = START) -> Iterator[datetime]:
    """A clock that goes on by a second with each look."""
    return (start + timedelta(seconds=n) for n in itertools.count())


def pending_job(now: datetime = START, owner: str = "editor", **fields: object) -> Job:
    facts = MaskFacts(sha256="9f" * 32, width=1024, height=1024, coverage=0.184)
    job = Job(id=new_id(now), owner=owner, parent_job_id=PARENT, prompt="a red balloon", mask=facts,
              labels={"order": "8821"}, created_at=now, updated_at=now)  # fmt: skip
    return job.model_copy(update=fields)


def delivered(up: str, status: Status, **fields: object) -> Report:
    """A webhook's report; its fingerprint is that of what it says."""
    report = Report(Source.WEBHOOK, up, status, **_usual(status, fields))  # type: ignore[arg-type]
    return replace(report, fingerprint=hashlib.sha256(repr(report).encode()).digest()[:8])


def looked_up(up: str, status: Status, **fields: object) -> Report:
    return Report(Source.POLL, up, status, **_usual(status, fields))  # type: ignore[arg-type]


def _usual(status: Status, fields: dict[str, object]) -> dict[str, object]:
    usual: dict[Status, dict[str, object]] = {
        Status.PROCESSING: {"progress": 45},
        Status.COMPLETED: {"progress": 100, "result": RESULT, "credit_cost": 16},
        Status.FAILED: {"progress": 0, "error": "Provider returned an error: content policy violation"},
    }
    return {**usual.get(status, {}), **fields}


REFUSED = Refused(Failure(code=FailureCode.REJECTED, message="Apiframe refused it (400): grid parent"))


def event_for(kind: Kind, up: str) -> Event:
    """News of each kind about upstream's job `up`."""
    told: dict[Kind, Event] = {
        Kind.ACCEPTED: Accepted(up, Status.QUEUED),
        Kind.REFUSED: REFUSED,
        Kind.DEFERRED: Deferred("503", START + timedelta(seconds=90)),
        Kind.EXPIRED: Expired("too late"),
        Kind.OVERDUE: Overdue("too slow"),
        Kind.WITHDRAWN: Withdrawn("editor"),
        Kind.MISSING: Missing(1, lost=False),
        Kind.LOST: Missing(3, lost=True),
        Kind.QUEUED: looked_up(up, Status.QUEUED),
        Kind.PROGRESS: delivered(up, Status.PROCESSING),
        Kind.EMPTY: delivered(up, Status.COMPLETED, result=None),
    }
    if kind in told:
        return told[kind]
    status = Status(kind.value.removeprefix("found_").upper())
    return (looked_up if kind.value.startswith("found_") else delivered)(up, status)


class Sample:
    """A job in a real store, its upstream id and its clock."""

    def __init__(self, store: JobStore) -> None:
        self.store = store
        self.clock = moments()
        self.up = upstream_id()
        self.job = pending_job(next(self.clock))

    async def in_state(self, state: State) -> "Sample":
        """Creates the job and leads it there."""
        await self.store.create(self.job, b"PNG")
        await self.claim()
        for event in self._way_to(state):
            await self.apply(event)
        return self

    def _way_to(self, state: State) -> list[Event]:
        accepted = Accepted(self.up, Status.QUEUED)
        progress = delivered(self.up, Status.PROCESSING, progress=40)
        completed, failed = delivered(self.up, Status.COMPLETED), delivered(self.up, Status.FAILED)
        ways: dict[State, list[Event]] = {
            State.PENDING: [],
            State.QUEUED: [accepted],
            State.PROCESSING: [accepted, progress],
            State.COMPLETED: [accepted, progress, completed],
            State.FAILED: [accepted, progress, failed],
            State.CANCELLED: [accepted, progress, looked_up(self.up, Status.CANCELLED)],
            State.INFERRED: [accepted, progress, Missing(3, lost=True)],
            State.DISPUTED: [accepted, progress, completed, failed],
        }
        return ways[state]

    async def claim(self) -> None:
        claim = await self.store.work.claim(next(self.clock), lease=SILENCE, max_in_flight=50, webhooks=WEBHOOKS)
        assert claim.job_id == self.job.id

    async def apply(self, event: Event, address: str | None = "") -> Applied:
        """At the job's own address, unless another is given."""
        job_id = self.job.id if address == "" else address
        return await self.store.apply(event, next(self.clock), job_id=job_id, silence=SILENCE)

    async def now(self) -> Job:
        stored = await self.store.get(self.job.id)
        assert stored is not None
        return stored.job

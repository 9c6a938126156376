"""The queue as a door: a backend that shares our Redis enqueues a submission, and finds the job by HTTP.

The same checks, the same Idempotency-Key and the same job as through HTTP. A refusal cannot be answered to anyone, so
it becomes a job too, `FAILED` as `rejected`, under the id that the backend knows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import anyio.to_thread
import structlog
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.alias_generators import to_camel

from tracker import logs
from tracker.errors import Conflict, InvalidInput
from tracker.ids import as_uuid, made_at, new_id
from tracker.intake import Intake
from tracker.job import Failure, FailureCode, Job, Source, Status
from tracker.queue import INPAINT
from tracker.submission import KEY_RULE, is_idempotency_key, judge
from tracker.tracing import JOB_ID, OFF, Tracing
from tracker.trail import SANE_ID, Trail, read_traceparent

NEAR = timedelta(minutes=5)
log = structlog.get_logger()


class Enqueued(BaseModel):
    """What is beside the submission itself: whose it is, what makes a repetition safe, and what it is part of."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True, alias_generator=to_camel)

    owner: str
    idempotency_key: Any = None
    request_id: Any = None
    traceparent: Any = None

    @property
    def trail(self) -> Trail:
        """One that is none is left out: it is no reason to refuse a job."""
        request_id = self.request_id if isinstance(self.request_id, str) and SANE_ID.fullmatch(self.request_id) else ""
        return Trail.of(request_id, read_traceparent([self.traceparent] if isinstance(self.traceparent, str) else []))


@dataclass(frozen=True)
class Door:
    """`owners` are the names in API_KEYS: whoever enqueues names one of them."""

    intake: Intake
    owners: frozenset[str]
    tracing: Tracing = OFF

    async def take(self, submission: Any, message_id: str) -> dict[str, str]:
        """`{"id", "status"}`, which arq keeps as the message's result.

        `message_id` becomes the job's id if it is a UUIDv7 of about now, so a backend knows the id at once.
        """
        now = self.intake.clock()
        job_id = message_id if _is_ours(message_id, now) else new_id(now)
        try:
            enqueued = self._read(submission)
        except InvalidInput as error:
            log.warning("a submission from the queue names no owner", message_id=message_id, error=str(error))
            return {"id": job_id, "status": "REFUSED", "message": str(error)}
        told = {JOB_ID: job_id}
        with self.tracing.span(f"take {INPAINT}", "consumer", enqueued.trail, told, begins=True) as span:
            return await self._take(enqueued, job_id, message_id, span.trail)

    async def _take(self, enqueued: Enqueued, job_id: str, message_id: str, trail: Trail) -> dict[str, str]:
        key, document = enqueued.idempotency_key, enqueued.model_extra or {}
        logs.about(job_id, trail)
        try:
            _require_a_sane(key)
            submitted = await anyio.to_thread.run_sync(judge, document)
            own = (
                f"arq {message_id}"  # arq delivers at least once: without a key of the backend's, this makes it one job
            )
            taken, replayed = await self.intake.take(submitted, enqueued.owner, trail, key=key or own, job_id=job_id)
        except (InvalidInput, Conflict) as error:
            refused = self._refused(document, enqueued.owner, job_id, str(error))
            await self.intake.store.create(refused, b"", trail=trail)
            self.tracing.moved(trail, job_id, Status.PENDING, Status.FAILED, refused.updated_at)
            return {"id": job_id, "status": Status.FAILED, "message": str(error)}
        if replayed:
            await self.intake.store.alias(job_id, taken)
        log.info("job taken", job_id=taken, owner=enqueued.owner, door="queue")
        return {"id": taken, "status": Status.PENDING}

    def _read(self, submission: Any) -> Enqueued:
        try:
            enqueued = Enqueued.model_validate(submission)
        except ValidationError as error:
            wrong = {".".join(map(str, one["loc"])) or "message": [str(one["msg"])] for one in error.errors()}
            raise InvalidInput(wrong) from None
        if enqueued.owner not in self.owners:
            raise InvalidInput({"owner": [f"{enqueued.owner!r:.80} is none of the names in API_KEYS."]})
        return enqueued

    def _refused(self, document: Mapping[str, Any], owner: str, job_id: str, message: str) -> Job:
        now = self.intake.clock()
        parent = document.get("parentJobId")
        return Job(
            id=job_id, owner=owner, status=Status.FAILED, created_at=now, updated_at=now, completed_at=now,
            parent_job_id=as_uuid(parent) if isinstance(parent, str) else None, settled_by=Source.WORKER,
            error=Failure(code=FailureCode.REJECTED, message=message),
        )  # fmt: skip


def _require_a_sane(key: Any) -> None:
    if key is not None and not (isinstance(key, str) and is_idempotency_key(key)):
        raise InvalidInput({"idempotencyKey": [KEY_RULE]})


def _is_ours(message_id: str, now: datetime) -> bool:
    """Ids order every index by time: one that lies about it would spoil them."""
    if as_uuid(message_id) != message_id or message_id[14] != "7":
        return False
    return abs(made_at(message_id) - now) < NEAR

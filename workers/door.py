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

from tracker.errors import Conflict, InvalidInput
from tracker.ids import as_uuid, made_at, new_id
from tracker.intake import Intake
from tracker.job import Failure, FailureCode, Job, Source, Status
from tracker.submission import KEY_RULE, is_idempotency_key, judge

NEAR = timedelta(minutes=5)
log = structlog.get_logger()


class Enqueued(BaseModel):
    """What is beside the submission itself: whose it is, and what makes a repetition safe."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True, alias_generator=to_camel)

    owner: str
    idempotency_key: Any = None


@dataclass(frozen=True)
class Door:
    """`owners` are the names in API_KEYS: whoever enqueues names one of them."""

    intake: Intake
    owners: frozenset[str]

    async def take(self, submission: Any, message_id: str) -> dict[str, str]:
        """`{"id", "status"}`, which arq keeps as the message's result.

        `message_id` becomes the job's id if it is a UUIDv7 of about now, so a backend knows the id at once.
        """
        now = self.intake.clock()
        job_id = message_id if _is_ours(message_id, now) else new_id(now)
        try:
            owner, key, document = self._read(submission)
        except InvalidInput as error:
            log.warning("a submission from the queue names no owner", message_id=message_id, error=str(error))
            return {"id": job_id, "status": "REFUSED", "message": str(error)}
        try:
            _require_a_sane(key)
            submitted = await anyio.to_thread.run_sync(judge, document)
            own = (
                f"arq {message_id}"  # arq delivers at least once: without a key of the backend's, this makes it one job
            )
            taken, replayed = await self.intake.take(submitted, owner, key=key or own, job_id=job_id)
        except (InvalidInput, Conflict) as error:
            await self.intake.store.create(self._refused(document, owner, job_id, str(error)), b"")
            return {"id": job_id, "status": Status.FAILED, "message": str(error)}
        if replayed:
            await self.intake.store.alias(job_id, taken)
        log.info("job taken", job_id=taken, owner=owner, door="queue")
        return {"id": taken, "status": Status.PENDING}

    def _read(self, submission: Any) -> tuple[str, Any, Mapping[str, Any]]:
        try:
            enqueued = Enqueued.model_validate(submission)
        except ValidationError as error:
            wrong = {".".join(map(str, one["loc"])) or "message": [str(one["msg"])] for one in error.errors()}
            raise InvalidInput(wrong) from None
        if enqueued.owner not in self.owners:
            raise InvalidInput({"owner": [f"{enqueued.owner!r:.80} is none of the names in API_KEYS."]})
        return enqueued.owner, enqueued.idempotency_key, enqueued.model_extra or {}

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

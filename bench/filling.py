"""Many jobs are put into Redis, through the store's own code and as quickly as that goes.

They are created as they stand at their end: one call of the store for a job in place of twenty. Records and indexes
are the usual ones; histories are short, and figures of the past are none.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import uuid4

from redis.asyncio import ConnectionPool, Redis

from bench.place import PROCESSORS, RETENTION, keep_on
from tests.samples import RESULT, SILENCE, WEBHOOKS, delivered, pending_job
from tracker.clock import utc_now
from tracker.events import Accepted
from tracker.job import Failure, FailureCode, Job, Status
from tracker.store.connection import connect
from tracker.store.jobs import JobStore

OWNERS = ("editor", "shop", "studio")
ALIKE = 25
"""Jobs with the same label, however many there are in all."""
UNDER_WAY = 20
AT_ONCE, MOST = 400, 4
"""Jobs that a process is at at the same time; processes."""
COMPLETED = {"status": Status.COMPLETED, "progress": 100, "result": RESULT, "credit_cost": 16}
FAILED = {
    "status": Status.FAILED,
    "error": Failure(code=FailureCode.PROVIDER_FAILED, message="content policy violation"),
}


class Together(Redis):
    """A client whose commands go out as one pipeline with all others that wait."""

    def __init__(self, pool: ConnectionPool) -> None:
        super().__init__(connection_pool=pool)
        self._waiting: list[tuple[tuple[Any, ...], asyncio.Future[Any]]] = []
        self._sending: asyncio.Task[None] | None = None

    async def execute_command(self, *args: Any, **_: Any) -> Any:
        answer = asyncio.get_running_loop().create_future()
        self._waiting.append((args, answer))
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send())
        return await answer

    async def _send(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            async with self.pipeline(transaction=False) as pipe:
                for args, _ in batch:
                    pipe.execute_command(*args)
                answers = await pipe.execute(raise_on_error=False)
            for (_, waits), answer in zip(batch, answers, strict=True):
                if isinstance(answer, Exception):
                    waits.set_exception(answer)
                else:
                    waits.set_result(answer)


async def fill(redis_url: str, jobs: int) -> None:
    """One in fifty failed, the last few are under way. By several processes, where there are processors for them."""
    count = min(MOST, max(1, len(PROCESSORS) - 1))
    await asyncio.gather(*(_started(redis_url, part, jobs - UNDER_WAY, count) for part in range(count)))
    async with _a_quick_store(redis_url) as store:
        for _ in range(UNDER_WAY):
            await _under_way(store)


async def _started(redis_url: str, *numbers: int) -> None:
    line = ("-m", "bench.filling", redis_url, *map(str, numbers))
    process = await asyncio.create_subprocess_exec(sys.executable, *line)
    keep_on(process, PROCESSORS)
    assert await process.wait() == 0


@asynccontextmanager
async def _a_quick_store(redis_url: str) -> AsyncIterator[JobStore]:
    async with connect(redis_url, reply_within=30) as plain:
        store = JobStore(Together(plain.connection_pool), retention=RETENTION, submit_within=timedelta(days=1))
        await store.ready()
        yield store


async def fill_part(redis_url: str, numbers: range) -> None:
    async with _a_quick_store(redis_url) as store:
        waiting = iter(numbers)
        await asyncio.gather(*(_one_by_one(store, waiting, numbers.stop) for _ in range(AT_ONCE)))


async def _one_by_one(store: JobStore, waiting: Iterator[int], jobs: int) -> None:
    for number in waiting:
        await store.create(_ended(number, jobs), b"")


def _ended(number: int, jobs: int) -> Job:
    """One of each second until now."""
    made = utc_now() - timedelta(seconds=jobs - number)
    labels = {"order": str(number % max(1, jobs // ALIKE))}
    job = pending_job(made, owner=OWNERS[number % len(OWNERS)], labels=labels)
    end = FAILED if number % 50 == 0 else COMPLETED
    return job.model_copy(update={**end, "upstream_job_id": str(uuid4()), "completed_at": made})


async def _under_way(store: JobStore) -> None:
    now, up = utc_now(), str(uuid4())
    job = pending_job(now)
    await store.create(job, b"")
    await store.work.claim(now, lease=SILENCE, max_in_flight=UNDER_WAY, webhooks=WEBHOOKS)
    for event in (Accepted(up, Status.QUEUED), delivered(up, Status.PROCESSING)):
        await store.apply(event, now, job_id=job.id, silence=SILENCE)


if __name__ == "__main__":
    url, *numbers = sys.argv[1:]
    asyncio.run(fill_part(url, range(*map(int, numbers))))

"""What becomes of each delivery: counted at once, and written to the operators' log a moment later.

No acknowledgement waits for the log: lines gather in memory, bounded, and are written in batches. What a flood or an
absent Redis makes too much of is dropped and counted: of the usual outcomes what comes last in a second, so that a few
seconds of a flood are seen and all that is odd in it; of what waits, the oldest.
"""

import asyncio
import time
from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

import structlog

from service.metrics import Metrics
from tracker.apiframe.reading import Document, event_of
from tracker.apiframe.signature import SecretForm
from tracker.clock import Clock
from tracker.errors import SignatureRefused, StoreUnavailable, TooLarge
from tracker.ids import new_id
from tracker.job import Outcome
from tracker.store.deliveries import KEPT, Deliveries, Line, Refusal

WAITING = 5_000
"""Lines that wait to be written, of each shelf; what is beyond is dropped."""
BATCH = 50
GATHER_SECONDS = 0.25
RETRY_SECONDS = 1.0
STOP_SECONDS = 1.0
REFUSALS_A_SECOND = 2
"""Lines that one cause gets in a second; more of it is counted only."""
USUAL_A_SECOND = 250
"""Lines of usual outcomes. The log holds ten thousand."""
USUAL = frozenset({Outcome.APPLIED.value, Outcome.DUPLICATE.value, Outcome.STALE.value})
log = structlog.get_logger()


@dataclass(slots=True)
class Sighting:
    """A delivery under way; filled in as more is known of it. `id` is empty where a usual end is not worth a line;
    `job_id` is at first what its address names."""

    id: str
    at: datetime
    started: float
    job_id: str | None
    document: Document | None = None
    bytes: int | None = None
    secret_form: SecretForm | None = None
    key_index: int = 0
    outcome: str | None = None

    def end(self, job_id: str, outcome: str) -> None:
        """What became of it, and of which job."""
        self.job_id, self.outcome = job_id, outcome

    @property
    def event(self) -> str | None:
        """As its body names it."""
        return event_of(self.document) if self.document else None

    @property
    def seconds(self) -> float:
        """Since it came."""
        return time.perf_counter() - self.started


class Recorder:
    def __init__(self, deliveries: Deliveries, metrics: Metrics, clock: Clock) -> None:
        self._deliveries = deliveries
        self._metrics = metrics
        self._clock = clock
        self._waiting = {shelf: OrderedDict[str, Line]() for shelf in KEPT}
        self._some = asyncio.Event()
        self._next_second, self._usual, self._refused = 0.0, 0, Counter[Refusal]()

    @contextmanager
    def watching(self, address: str | None) -> Iterator[Sighting]:
        """Around one delivery: how it ends, and how long that took, is recorded. A crash is for others to tell."""
        seen = self.sight(address)
        try:
            yield seen
        except (SignatureRefused, TooLarge, StoreUnavailable) as error:
            self.refused(seen, error)
            raise
        self.taken(seen)

    def sight(self, address: str | None) -> Sighting:
        now, started = self._clock(), time.perf_counter()
        if started >= self._next_second:
            self._begin_second(started)
        self._usual += 1
        return Sighting(new_id(now) if self._usual <= USUAL_A_SECOND else "", now, started, address)

    def taken(self, seen: Sighting) -> None:
        self._metrics.deliveries.inc(seen.outcome)
        self._metrics.secret_forms.inc(seen.secret_form, self._metrics.key_names[seen.key_index])
        self._metrics.acknowledgement.observe(seen.seconds)
        if seen.id or seen.outcome not in USUAL:
            self._keep(seen)
        else:
            self._metrics.unlogged.inc()

    def refused(self, seen: Sighting, error: SignatureRefused | TooLarge | StoreUnavailable) -> None:
        cause = _cause(error)
        self._metrics.refusals.labels(cause).inc()
        if isinstance(error, TooLarge):
            seen.bytes = error.size
        if seen.secret_form or self._may_tell(cause):
            log.warning("webhook refused", cause=cause, **({"job_id": seen.job_id} if seen.job_id else {}))
            self._keep(seen, cause)

    def _may_tell(self, cause: Refusal) -> bool:
        """By cause, so that a flood of one does not hide another."""
        if (now := time.perf_counter()) >= self._next_second:
            self._begin_second(now)
        self._refused[cause] += 1
        return self._refused[cause] <= REFUSALS_A_SECOND

    def _begin_second(self, now: float) -> None:
        self._next_second, self._usual, self._refused = now + 1, 0, Counter()

    def _keep(self, seen: Sighting, cause: Refusal | None = None) -> None:
        line = Line(
            seen.outcome, cause, seen.job_id, seen.event, seen.bytes, seen.secret_form, round(seen.seconds * 1000, 2)
        )
        waiting = self._waiting[line.shelf]
        waiting[seen.id or new_id(seen.at)] = line
        if len(waiting) > WAITING:
            waiting.popitem(last=False)
            self._metrics.unlogged.inc()
        self._some.set()

    async def run(self) -> None:
        """Writes for ever; while Redis is away, what comes is kept for later."""
        while True:
            await self._some.wait()
            await asyncio.sleep(GATHER_SECONDS)
            try:
                await self.flush()
            except StoreUnavailable:
                await asyncio.sleep(RETRY_SECONDS)

    async def flush(self) -> None:
        """Writes all that waits. Safe at any time and more than once at a time. Raises StoreUnavailable."""
        while batch := self._oldest():
            await self._deliveries.write(batch)
            for line_id, line in batch.items():
                self._waiting[line.shelf].pop(line_id, None)
        self._some.clear()

    def _oldest(self) -> dict[str, Line]:
        return dict(islice((line for waiting in self._waiting.values() for line in waiting.items()), BATCH))

    async def close(self) -> None:
        """Writes what is left, if Redis takes it within a second."""
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self.flush()
        except (StoreUnavailable, TimeoutError):
            left = sum(map(len, self._waiting.values()))
            log.warning("stopped before all deliveries were logged", lines=left)


def _cause(error: SignatureRefused | TooLarge | StoreUnavailable) -> Refusal:
    match error:
        case SignatureRefused():
            return Refusal(error.cause)
        case TooLarge():
            return Refusal.TOO_LARGE
        case StoreUnavailable():
            return Refusal.STORE_UNAVAILABLE

"""Good callers: each submission has a key, and is made until it is answered. What they were told is what must hold."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

from inpaint_tracker_client import AsyncTracker, TrackerError

from tests.door import mask_png
from tests.soak.parts import caller_key
from tests.soak.plan import OWNERS, Wish

SIZE = 64
NEVER_GIVE_UP = 1_000_000


@dataclass
class Told:
    """`asked` are the prompts of all wishes, `ids` the jobs that each was answered with: one, however often it was
    asked. `refused` are answers that no good caller should get."""

    asked: set[str] = field(default_factory=set)
    ids: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    repeated: int = 0
    refused: list[str] = field(default_factory=list)

    @property
    def unanswered(self) -> set[str]:
        return self.asked - set(self.ids)

    @property
    def answered(self) -> set[str]:
        return {job_id for ids in self.ids.values() for job_id in ids}


@dataclass(frozen=True)
class Callers:
    trackers: dict[str, AsyncTracker]
    parent: str
    told: Told = field(default_factory=Told)

    @classmethod
    @asynccontextmanager
    async def of(cls, service_url: str, parent: str) -> AsyncIterator["Callers"]:
        """One client for each owner."""
        async with AsyncExitStack() as stack:
            clients = {owner: _client(service_url, owner) for owner in OWNERS}
            for client in clients.values():
                await stack.enter_async_context(client)
            yield cls(clients, parent)

    async def submit(self, wishes: Sequence[Wish]) -> None:
        """Each at its time, however many are still unanswered then."""
        started = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for wish in wishes:
                await asyncio.sleep(started + wish.at - time.monotonic())
                group.create_task(self._grant(wish))

    async def _grant(self, wish: Wish) -> None:
        self.told.asked.add(wish.prompt)
        try:
            await self._ask(wish)
            if wish.repeated:
                await self._ask(wish)
                self.told.repeated += 1
        except TrackerError as error:
            self.told.refused.append(f"{wish.prompt}: {error}")

    async def _ask(self, wish: Wish) -> None:
        tracker = self.trackers[wish.owner]
        job = await tracker.submit(self.parent, mask_png(SIZE), wish.prompt, idempotency_key=wish.key)
        self.told.ids[wish.prompt].add(job.id)


def _client(service_url: str, owner: str) -> AsyncTracker:
    return AsyncTracker(service_url, caller_key(owner), timeout=10, retries=NEVER_GIVE_UP)

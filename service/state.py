"""What the service holds while it runs: made in the lifespan, handed to every request, never a global."""

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import cast

from starlette.requests import Request

from service.aside.judges import Judges
from service.auth import Keyring
from service.cursors import Cursors
from service.failures import Failures
from service.images.gallery import Gallery
from service.live.broadcast import Broadcast
from service.metrics import Metrics
from service.recorder import Recorder
from service.room import Room
from service.sessions import Sessions
from tracker.apiframe.signature import Verifier
from tracker.clock import Clock
from tracker.intake import Intake
from tracker.lookups import Lookups
from tracker.queue import Queue
from tracker.settings import Settings
from tracker.store.audit import Audit
from tracker.store.changes import Changes
from tracker.store.deliveries import Deliveries
from tracker.store.feed import Feed
from tracker.store.gate import Gate
from tracker.store.jobs import JobStore
from tracker.store.quarantine import Quarantine
from tracker.tracing import Tracing


@dataclass(frozen=True)
class State:
    settings: Settings
    clock: Clock
    store: JobStore
    gate: Gate
    deliveries: Deliveries
    quarantine: Quarantine
    audit: Audit
    recorder: Recorder
    intake: Intake
    lookups: Lookups
    feed: Feed
    changes: Changes
    broadcast: Broadcast
    queue: Queue
    keyring: Keyring
    sessions: Sessions
    verifier: Verifier
    metrics: Metrics
    cursors: Cursors
    failures: Failures
    room: Room
    """For the bodies that callers send."""
    doorstep: Room
    """For those of webhooks, which anybody may send until their signature is looked at."""
    gallery: Gallery
    judges: Judges
    tracing: Tracing

    @cached_property
    def silence(self) -> timedelta:
        """How long a job may be silent before upstream is asked about it."""
        return timedelta(seconds=self.settings.poll_after_seconds)


def state_of(request: Request) -> State:
    return cast(State, request.state.tracker)

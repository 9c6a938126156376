"""What every concern of a worker works with."""

from dataclasses import dataclass
from datetime import timedelta

from tracker.apiframe.client import ApiframeClient
from tracker.apiframe.signature import mark_of
from tracker.clock import Clock
from tracker.lookups import Lookups
from tracker.settings import Settings
from tracker.store.gate import Gate
from tracker.store.jobs import JobStore
from tracker.tracing import OFF, Tracing

LEASE_MARGIN = timedelta(seconds=5)


@dataclass(frozen=True)
class Tools:
    settings: Settings
    clock: Clock
    store: JobStore
    gate: Gate
    apiframe: ApiframeClient
    tracing: Tracing = OFF

    @property
    def lease(self) -> timedelta:
        """Longer than any attempt can take, so that two for one job are never under way at once."""
        return timedelta(seconds=self.settings.apiframe_timeout_seconds) + LEASE_MARGIN

    @property
    def webhooks(self) -> str | None:
        """Where upstream is to deliver; a job's id follows."""
        return f"{self.settings.public_url}/webhooks/apiframe/" if self.settings.public_url else None

    @property
    def key_mark(self) -> str:
        """Of the upstream key that jobs are submitted with."""
        return mark_of(self.settings.apiframe_api_key.get_secret_value())

    @property
    def lookups(self) -> Lookups:
        return Lookups(self.settings, self.clock, self.store, self.apiframe, self.tracing)

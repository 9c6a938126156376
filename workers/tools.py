"""What every concern of a worker works with."""

from dataclasses import dataclass
from datetime import timedelta

from tracker.apiframe.client import ApiframeClient
from tracker.clock import Clock
from tracker.settings import Settings
from tracker.store.jobs import JobStore
from tracker.store.wire import Stored

POLL_WITHOUT_WEBHOOK = timedelta(seconds=3)
"""Upstream's own advice for images is every 2-3 s (dossier, section 2.3)."""


LEASE_MARGIN = timedelta(seconds=5)


@dataclass(frozen=True)
class Tools:
    settings: Settings
    clock: Clock
    store: JobStore
    apiframe: ApiframeClient

    @property
    def lease(self) -> timedelta:
        """Longer than any attempt can take, so that two for one job are never under way at once."""
        return timedelta(seconds=self.settings.apiframe_timeout_seconds) + LEASE_MARGIN

    @property
    def webhooks(self) -> str | None:
        """Where upstream is to deliver; a job's id follows."""
        return f"{self.settings.public_url}/webhooks/apiframe/" if self.settings.public_url else None

    def silence(self, stored: Stored) -> timedelta:
        """How long this job may be silent before upstream is asked; one without a webhook is always silent."""
        usual = timedelta(seconds=self.settings.poll_after_seconds)
        return usual if stored.webhook_url else min(usual, POLL_WITHOUT_WEBHOOK)

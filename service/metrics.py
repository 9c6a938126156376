"""What Prometheus is told. A registry for each application, so that two may live in one process."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from service.held import Held
from tracker.apiframe.signature import mark_of
from tracker.measuring import Often, Timing
from tracker.meters import Meters
from tracker.settings import Settings
from tracker.store.gauges import Gauges

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)


class Metrics:
    def __init__(self, settings: Settings) -> None:
        self._registry = CollectorRegistry()
        self.meters = Meters(self._registry)
        keys = settings.signing_keys  # the current one first, then those rotated out
        self.key_names = ("current", *(f"previous-{n}" for n in range(1, len(keys))))
        self.deliveries = self._often("webhook_deliveries", "Genuine webhooks, by what became of them.", "outcome")
        self.refusals = self._counter("webhook_refusals", "Webhooks refused, by cause.", "cause")
        self.unlogged = self._often(
            "webhook_log_lost", "Deliveries missing in the log of deliveries: too many at once, or Redis away too long."
        )
        self.secret_forms = self._often(
            "webhook_signatures", "Genuine webhooks, by reading of the secret and by key.", "form", "key"
        )
        self.acknowledgement = Timing(
            "tracker_webhook_acknowledgement_seconds",
            "From a webhook's arrival to its answer, storage included.",
            _FAST,
        )
        self._registry.register(self.acknowledgement)
        self.requests = self._often("http_requests", "Requests answered.", "method", "route", "status")
        self.key_refusals = self._counter("key_refusals", "Calls without a key that anybody knows, by cause.", "cause")
        self.throttled = self._counter("throttled", "Wrong keys and signatures that were answered 429.", "what")
        self.submitted = self._counter("jobs_submitted", "Jobs taken from callers.", "owner")
        self.images = self._counter(
            "images", "Result images asked for, by where they came from or what failed.", "from"
        )
        self.image_bytes = self._gauge("image_bytes", "Bytes of result images in memory.")
        self.listeners = self._gauge("stream_listeners", "Streams that are open in this process.")
        for name, text, limit in _limits(settings):
            self._gauge(name, text).set(limit)
        self._held = Held(dict(zip(map(mark_of, keys), self.key_names, strict=True)))
        self._registry.register(self._held)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"tracker_{name}", text, labels, registry=self._registry)

    def _often(self, name: str, text: str, *labels: str) -> Often:
        often = Often(f"tracker_{name}", text, labels)
        self._registry.register(often)
        return often

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"tracker_{name}", text, labels, registry=self._registry)

    def render(self, gauges: Gauges | None, has_worker: bool | None) -> bytes:
        """Each is None while its Redis is away: then it is left out, rather than shown as it was."""
        self._held.gauges, self._held.has_worker = gauges, has_worker
        return generate_latest(self._registry)


def _limits(settings: Settings) -> Iterator[tuple[str, str, int]]:
    yield "in_flight_limit", "MAX_IN_FLIGHT: jobs that may be in flight.", settings.max_in_flight
    yield "pending_jobs_limit", "MAX_PENDING_JOBS: jobs that may wait.", settings.max_pending_jobs
    yield "mask_bytes_limit", "MAX_PENDING_MASK_BYTES: bytes of masks that may wait.", settings.max_pending_mask_bytes

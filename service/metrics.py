"""What Prometheus is told. A registry for each application, so that two may live in one process."""

from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from service.measuring import Often, Timing
from tracker.apiframe.signature import mark_of
from tracker.store.gauges import Gauges

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)


class Metrics:
    def __init__(self, upstream_keys: Sequence[str]) -> None:
        """`upstream_keys`: the current one first, then those rotated out."""
        self._registry = CollectorRegistry()
        names = ("current", *(f"previous-{n}" for n in range(1, len(upstream_keys))))
        self._key_names = {mark_of(key): key_name for key, key_name in zip(upstream_keys, names, strict=True)}
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
        self._jobs = self._gauge("jobs", "Jobs held, by status.", "status")
        self._queued = self._gauge("jobs_queued", "Pending jobs that wait for a slot, by owner.", "owner")
        self._in_flight = self._gauge("jobs_in_flight", "Jobs submitted and not yet ended upstream.")
        self._by_key = self._gauge(
            "jobs_in_flight_by_key", "The same by the upstream key that their webhooks are signed with.", "key"
        )
        self._repaired = self._gauge("lost_webhooks_last_hour", "Ends that a lookup found though a webhook was due.")
        self._due = self._gauge("due_webhooks_last_hour", "Ends whose webhook was due, however they became known.")
        self._mask_bytes = self._gauge("mask_bytes", "Bytes of masks held for submission.")
        self._quarantined = self._gauge("webhooks_quarantined", "Genuine webhooks that could not be read, held.")
        self.listeners = self._gauge("stream_listeners", "Streams that are open in this process.")
        self._paused = self._gauge("submissions_paused", "1 while submissions are paused.")

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"tracker_{name}", text, labels, registry=self._registry)

    def _often(self, name: str, text: str, *labels: str) -> Often:
        often = Often(f"tracker_{name}", text, labels)
        self._registry.register(often)
        return often

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"tracker_{name}", text, labels, registry=self._registry)

    def render(self, gauges: Gauges | None) -> bytes:
        """`gauges` are None while Redis is away: then they are left out, rather than shown as they were."""
        for gauge in (self._jobs, self._queued, self._by_key):
            gauge.clear()
        if gauges is not None:
            self._show(gauges)
        return generate_latest(self._registry)

    def _show(self, gauges: Gauges) -> None:
        figures = gauges.figures
        for status, count in figures.jobs.items():
            self._jobs.labels(status).set(count)
        for owner, count in figures.queued.items():
            self._queued.labels(owner).set(count)
        for mark, count in gauges.key_marks.items():
            self._by_key.labels(self._key_names.get(mark, "unlisted")).inc(count)
        for key in self._key_names.values():
            self._by_key.labels(key)
        self._in_flight.set(figures.in_flight)
        self._repaired.set(figures.lost)
        self._due.set(sum(figures.settled.values()))
        self._mask_bytes.set(gauges.mask_bytes)
        self._paused.set(gauges.paused)
        self._quarantined.set(gauges.quarantined)

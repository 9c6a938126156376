"""What Prometheus is told. A registry for each application, so that two may live in one process."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)


class Metrics:
    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.deliveries = self._counter("webhook_deliveries", "Genuine webhooks, by what became of them.", "outcome")
        self.refusals = self._counter("webhook_refusals", "Webhooks refused, by cause.", "cause")
        self.secret_forms = self._counter(
            "webhook_signatures", "Genuine webhooks, by reading of the secret and by key.", "form", "key"
        )
        self.acknowledgement = Histogram(
            "tracker_webhook_acknowledgement_seconds",
            "From a webhook's arrival to its answer, storage included.",
            buckets=_FAST,
            registry=self._registry,
        )
        self.requests = self._counter("http_requests", "Requests answered.", "method", "route", "status")
        self.submitted = self._counter("jobs_submitted", "Jobs taken from callers.", "owner")
        self._jobs = Gauge("tracker_jobs", "Jobs held, by status.", ["status"], registry=self._registry)
        self._in_flight = Gauge(
            "tracker_jobs_in_flight", "Jobs submitted and not yet ended upstream.", registry=self._registry
        )

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"tracker_{name}", text, labels, registry=self._registry)

    def render(self, gauges: dict[str, int]) -> bytes:
        """`gauges` as `JobStore.gauges` gives them."""
        for name, count in gauges.items():
            (self._in_flight if name == "inflight" else self._jobs.labels(name)).set(count)
        return generate_latest(self._registry)

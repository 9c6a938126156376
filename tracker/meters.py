"""What service and worker both measure: how upstream answers, and how long Redis takes."""

import re
from collections.abc import Callable
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Histogram

from tracker.measuring import Timing

Call = Literal["submit", "job", "jobs", "account"]
Seen = Callable[[Call, object, float], None]
"""Which call of upstream's was made, the value of `protocol` that came of it, and the seconds it took."""

_REDIS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1)
_UPSTREAM = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20)
_WITHIN_A_NAME = re.compile(r"(?<=[a-z])(?=[A-Z])")


class Meters:
    def __init__(self, registry: CollectorRegistry) -> None:
        self._calls = Counter(
            "tracker_upstream_requests", "Calls of Apiframe's API, by what came of them.", ("call", "result"),
            registry=registry,
        )  # fmt: skip
        self._seconds = Histogram(
            "tracker_upstream_request_seconds", "How long Apiframe's API took.", ("call",), buckets=_UPSTREAM,
            registry=registry,
        )  # fmt: skip
        self._redis = Timing(
            "tracker_redis_round_trip_seconds",
            "From a batch of news or reads to Redis' answer, retries included.",
            _REDIS,
        )
        registry.register(self._redis)

    def upstream(self, call: Call, result: object, seconds: float) -> None:
        """A result is told by its kind: `accepted`, `rate_limited`, `try_again`, …"""
        self._calls.labels(call, _WITHIN_A_NAME.sub("_", type(result).__name__).lower()).inc()
        self._seconds.labels(call).observe(seconds)

    def redis(self, seconds: float) -> None:
        self._redis.observe(seconds)

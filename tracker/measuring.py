"""Metrics of what happens at each request: counted in a step here, and made into Prometheus' own when it asks.

Its own counter takes a lock and four calls each time, which is a tenth of a delivery. The event loop alone counts here,
so no lock is needed.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector


class Often(Collector):
    """A counter. Without labels it is there from the start, as 0."""

    def __init__(self, name: str, text: str, labels: Sequence[str] = ()) -> None:
        self._about = name, text, labels
        self._counts: Counter[tuple[object, ...]] = Counter() if labels else Counter({(): 0})

    def inc(self, *labels: object) -> None:
        self._counts[labels] += 1

    def collect(self) -> Iterator[CounterMetricFamily]:
        name, text, labels = self._about
        family = CounterMetricFamily(name, text, labels=labels)
        for values, count in self._counts.items():
            family.add_metric([str(value) for value in values], count)
        yield family


class Timing(Collector):
    """A histogram of seconds; `bounds` are the upper ends of its buckets."""

    def __init__(self, name: str, text: str, bounds: Sequence[float]) -> None:
        self._about = name, text
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def observe(self, seconds: float) -> None:
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self._sum += seconds

    def collect(self) -> Iterator[HistogramMetricFamily]:
        name, text = self._about
        bounds = [*(str(float(bound)) for bound in self._bounds), "+Inf"]
        buckets = list(zip(bounds, map(float, accumulate(self._counts)), strict=True))
        yield HistogramMetricFamily(name, text, buckets=buckets, sum_value=self._sum)

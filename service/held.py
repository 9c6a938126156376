"""What Redis holds, as Prometheus is told: every service tells the same, and nothing while Redis is away.

Gauges are made anew for each answer, since one that is kept would show what was true before.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from tracker.job import Status
from tracker.store.condition import Condition
from tracker.store.gauges import Gauges


class Held(Collector):
    def __init__(self, key_names: Mapping[str, str]) -> None:
        """`key_names`: what each upstream key is called, by its mark."""
        self._key_names = key_names
        self.gauges: Gauges | None = None
        self.has_worker: bool | None = None

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Names are taken also while there is nothing to tell."""
        return iter(())

    def collect(self) -> Iterator[GaugeMetricFamily]:
        if self.gauges is not None:
            yield from _of_jobs(self.gauges)
            yield from _of_webhooks(self.gauges)
            yield self._by_key(self.gauges)
            yield from _of_redis(self.gauges.condition)
        if self.has_worker is not None:
            yield _one("workers_alive", "1 while any worker gives its sign of life to the queue.", self.has_worker)

    def _by_key(self, gauges: Gauges) -> GaugeMetricFamily:
        counts = dict.fromkeys(self._key_names.values(), 0)
        for mark, count in gauges.key_marks.items():
            name = self._key_names.get(mark, "unlisted")
            counts[name] = counts.get(name, 0) + count
        text = "Jobs submitted and not yet ended upstream, by the upstream key that their webhooks are signed with."
        return _several("jobs_in_flight_by_key", text, "key", counts)


def _of_jobs(gauges: Gauges) -> Iterator[GaugeMetricFamily]:
    figures, oldest = gauges.figures, {status: made.timestamp() for status, made in gauges.oldest.items()}
    yield _several("jobs", "Jobs held, by status.", "status", figures.jobs)
    ended = {status: figures.ended.get(status, 0) for status in Status if status.is_final}
    yield _several("jobs_ended_last_hour", "Jobs that ended, by status.", "status", ended)
    yield _several("jobs_queued", "Pending jobs that wait for a slot, by owner.", "owner", figures.queued)
    yield _one("jobs_in_flight", "Jobs submitted and not yet ended upstream.", figures.in_flight)
    yield _several(
        "oldest_job_timestamp_seconds",
        "When the oldest job of a status was created; none where there is none.",
        "status",
        oldest,
    )
    yield _one("mask_bytes", "Bytes of masks held for submission.", gauges.mask_bytes)
    yield _one("submissions_paused", "1 while submissions are paused.", gauges.paused)
    spent = sum(cost for _, cost in figures.credits)
    yield _one("credits_spent_last_month", "Credits that jobs have cost in thirty days, today included.", spent)


def _of_webhooks(gauges: Gauges) -> Iterator[GaugeMetricFamily]:
    figures = gauges.figures
    yield _one("lost_webhooks_last_hour", "Ends that a lookup found though a webhook was due.", figures.lost)
    due = sum(figures.settled.values())
    yield _one("due_webhooks_last_hour", "Ends whose webhook was due, however they became known.", due)
    yield _one("webhooks_quarantined", "Genuine webhooks that could not be read, held.", gauges.quarantined)


def _of_redis(condition: Condition | None) -> Iterator[GaugeMetricFamily]:
    """What it does not tell, or does not have, has no sample."""
    used, limit, written = (condition.used, condition.limit, condition.written) if condition else (0, 0, None)
    yield _one("redis_memory_bytes", "Bytes of memory that Redis uses.", used or None)
    yield _one("redis_memory_bytes_limit", "maxmemory: bytes that it may use; none without a limit.", limit or None)
    text = "1 where Redis' last write to its append-only file went well; none without such a file."
    yield _one("redis_append_only_ok", text, written)


def _one(name: str, text: str, value: float | None) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"tracker_{name}", text, value=value)


def _several(name: str, text: str, label: str, values: Mapping[Any, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"tracker_{name}", text, labels=[label])
    for key, value in values.items():
        family.add_metric([str(key)], value)
    return family

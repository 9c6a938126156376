"""Wrong keys and wrong signatures: slowed down by source, counted, and told of in the log only so often.

Nobody who is right is ever asked here, so that behind a proxy, where all have one address, nobody is locked out.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_network
from math import ceil
from typing import Any

import structlog
from prometheus_client import Counter
from starlette.requests import HTTPConnection

from tracker.errors import TooManyFailures

BURST, EACH_SECONDS, SOURCES = 20, 3.0, 10_000
LONGEST_SOURCE = 64
LINES, EACH_LINE_SECONDS = 60, 1.0
log = structlog.get_logger()


class Throttle:
    """For each source `burst` at once, and then one every `each` seconds. Of more than `sources`, the one that was
    silent for longest is forgotten."""

    def __init__(self, burst: int, each: float, sources: int = 1, now: Callable[[], float] = time.monotonic) -> None:
        self._span, self._each, self._sources, self._now = burst * each, each, sources, now
        self._paid_until: OrderedDict[str, float] = OrderedDict()

    def wait(self, source: str = "") -> float:
        """0 for one that may pass, else the seconds until one may."""
        now = self._now()
        paid = max(now, self._paid_until.pop(source, now))
        wait = paid + self._each - self._span - now
        self._paid_until[source] = paid if wait > 0 else paid + self._each
        if len(self._paid_until) > self._sources:
            self._paid_until.popitem(last=False)
        return max(0.0, wait)


class Failures:
    def __init__(self, throttled: Counter) -> None:
        self._throttled = throttled
        self._sources = Throttle(BURST, EACH_SECONDS, SOURCES)
        self._lines = Throttle(LINES, EACH_LINE_SECONDS)

    def slow_down(self, source: str, what: str) -> None:
        """`what` was wrong, a key or a webhook. Raises TooManyFailures in place of what would be answered else."""
        if wait := self._sources.wait(source):
            self._throttled.labels(what).inc()
            raise TooManyFailures(
                "Too many wrong keys or signatures came from your address; a right one is taken at any time.",
                ceil(wait),
            )

    def tell(self, request: HTTPConnection, what: str, **said: Any) -> None:
        """A line in the log, if there were not too many."""
        if not self._lines.wait():
            log.warning(f"{what} refused", source=source_of(request), path=request.scope["path"], **said)


def source_of(request: HTTPConnection) -> str:
    """The address that the connection comes from, or that a trusted proxy tells of: whole for IPv4, the /64 that one
    house has for IPv6. Empty where there is none."""
    return source_at(request.client.host if request.client else "")


def source_at(host: str) -> str:
    try:
        return str(ip_network((IPv6Address(host.partition("%")[0]), 64), strict=False))
    except ValueError:
        return host[:LONGEST_SOURCE]

"""One run: so many cases of each kind, drawn from a seed, and what was found."""

import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis.config import SchemathesisConfig
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode

from service.app import ROUTES
from service.openapi import document
from tests.door import KEYS
from tests.fuzz.calls import call
from tests.fuzz.deliveries import deliver, deliveries
from tests.fuzz.place import Target
from tests.fuzz.streams import speak, streams

ACCEPTABLE = ["2xx", "304", "401", "403", "404", "409", "503"]
CONFIG = SchemathesisConfig.from_dict(
    {
        "generation": {"database": "none"},
        "checks": {
            "positive_data_acceptance": {"expected-statuses": ACCEPTABLE},
            "not_a_server_error": {"expected-statuses": ["2xx", "3xx", "4xx", "503"]},
        },
    }
)
SHARES = {"calls": 0.2, "deliveries": 0.5, "streams": 0.3}
"""Of the cases. A call takes ten times as long to make up."""

Case = TypeVar("Case")


@dataclass
class Run:
    """`done` cases by kind, `seconds` that they took, and what was `found`, in words."""

    target: Target
    seed: int
    done: Counter[str] = field(default_factory=Counter)
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    found: list[str] = field(default_factory=list)

    def fuzz(self, cases: int) -> None:
        """`cases` in all; what one kind has no more of, the last makes up for."""
        self._calls(int(cases * SHARES["calls"]))
        with httpx.Client(base_url=self.target.place.address, timeout=10) as client:
            known = deliveries(self.target.place.job_ids)
            self._try("deliveries", known, int(cases * SHARES["deliveries"]), lambda one: deliver(client, one))
        left = cases - self.done.total()
        self._try("streams", streams, left, lambda one: speak(self.target.place.address, one))

    def _calls(self, cases: int) -> None:
        """Of every operation, with every key and without one, as described and otherwise."""
        api = schemathesis.openapi.from_dict(document(ROUTES), config=CONFIG)
        operations = [found.ok() for found in api.get_all_operations() if isinstance(found, Ok)]
        assert len(operations) == len(ROUTES)
        owners = [*KEYS, None]
        for operation in operations:
            within = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
            beyond = operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)
            drawn = st.tuples(within | beyond if _can_be_wrong(operation) else within, st.sampled_from(owners))
            self._try("calls", drawn, cases // len(operations), lambda one: call(one[0], one[1], self.target.place))

    def _try(self, kind: str, strategy: st.SearchStrategy[Case], cases: int, test: Callable[[Case], None]) -> None:
        """A finding ends this kind, shrunk to the least that shows it."""
        began, last = time.monotonic(), ""

        @seed(self.seed)
        @settings(
            max_examples=max(1, cases), deadline=None, database=None, suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink], print_blob=False,
        )  # fmt: skip
        @given(strategy)
        def each(one: Case) -> None:
            nonlocal last
            self.done[kind] += 1
            last = repr(one)
            test(one)

        try:
            each()
        except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001  # whatever it is, it is a finding
            self.found.append(f"{kind}: {_told(error)}\n{last[:4000]}")
        self.seconds[kind] += time.monotonic() - began


def _can_be_wrong(operation: Any) -> bool:
    """Whether there is anything that could be sent otherwise than described."""
    return bool(operation.body or operation.query or operation.path_parameters)


def _told(error: BaseException) -> str:
    """Also what a group of errors holds, as schemathesis raises it."""
    inner = getattr(error, "exceptions", ())
    return f"{type(error).__name__}: {error} {' '.join(map(_told, inner))}"[:4000]

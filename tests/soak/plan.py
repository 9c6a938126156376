"""What a soak does and when, drawn once from its seed: the same seed, the same submissions and the same blows.

What the processes make of it is theirs: the order of things that happen at once is never the same twice.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Any

MISCHIEF: Mapping[str, Any] = {
    "webhook_duplicated": 0.2, "webhook_reordered": 0.2, "webhook_dropped": 0.1,
    "webhook_forged": 0.01, "webhook_unsigned": 0.01,
    "submit_504": 0.0125, "submit_cut": 0.0125, "submit_without_id": 0.0125, "submit_delayed": 0.0125,
    "submit_429": 0.025, "submit_503": 0.025, "poll_429": 0.025, "poll_503": 0.025,
    "job_failed": 0.03, "job_cancelled": 0.01,
    "delay_seconds": [5.5, 8],
}  # fmt: skip
"""The delay is longer than `TIMEOUT`: what is taken then is never heard of by whoever submitted it."""

TIMEOUT = 5
OWNERS = ("editor", "shop", "studio")
REPEATED = 0.05
"""Share of the submissions that their caller makes once more after it was answered, with the same key."""

PAUSE = (2.0, 6.0)
"""Seconds between two blows."""
ALL = ("redis", "service", "worker", "second worker")


class How(StrEnum):
    KILLED = "killed"
    """With -9, and started again."""
    FROZEN = "frozen"
    """Stopped where it stands, with all it holds, and let go on as if no time had passed."""


@dataclass(frozen=True)
class Blow:
    """What happens to some processes together; `lasts` are the least and most seconds, `weight` how often it does."""

    how: How
    victims: tuple[str, ...]
    lasts: tuple[float, float]
    weight: int


SHORT, LONG = (0.1, 2.0), (1.5, 4.0)
BEYOND_A_LEASE = (TIMEOUT + 6, TIMEOUT + 8)
"""So that what a frozen worker has in hand is taken over by the other one, and then done by both."""
BLOWS = (
    Blow(How.KILLED, ("service",), SHORT, 6),
    Blow(How.KILLED, ("redis",), SHORT, 6),
    Blow(How.KILLED, ("worker",), SHORT, 3),
    Blow(How.KILLED, ("second worker",), SHORT, 3),
    Blow(How.KILLED, ALL, SHORT, 2),
    Blow(How.FROZEN, ("service",), LONG, 2),
    Blow(How.FROZEN, ("redis",), LONG, 2),
    Blow(How.FROZEN, ("worker",), BEYOND_A_LEASE, 2),
)
LAST = Blow(How.KILLED, ALL, SHORT, 0)
"""As if the machine lost power."""


@dataclass(frozen=True)
class Wish:
    """One submission. Its `prompt` is its own, so that what became of it is found in Redis and upstream alike."""

    at: float
    owner: str
    prompt: str
    repeated: bool

    @property
    def key(self) -> str:
        """The Idempotency-Key."""
        return f"key of {self.prompt}"


@dataclass(frozen=True)
class Struck:
    """The blow falls `at` seconds after the beginning and is over `down` seconds later."""

    at: float
    blow: Blow
    down: float


@dataclass(frozen=True)
class Plan:
    """`seconds` is how long everything misbehaves; `poll_after` is the service's POLL_AFTER_SECONDS."""

    seconds: float
    jobs: int
    seed: int = 0
    poll_after: float = 30

    def wishes(self) -> list[Wish]:
        """In the order of their times, the last of them shortly before the end."""
        chance = Random(f"{self.seed}:wishes")
        times = sorted(chance.uniform(0, self.seconds * 0.97) for _ in range(self.jobs))
        return [Wish(at, chance.choice(OWNERS), f"wish {n}", chance.random() < REPEATED) for n, at in enumerate(times)]

    def blows(self) -> Iterator[Struck]:
        """One after the other, and at the very end the last."""
        chance = Random(f"{self.seed}:blows")
        at = chance.uniform(*PAUSE)
        while at < self.seconds:
            blow = chance.choices(BLOWS, [blow.weight for blow in BLOWS])[0]
            down = chance.uniform(*blow.lasts)
            if at + down < self.seconds:
                yield Struck(at, blow, down)
            at += down + chance.uniform(*PAUSE)
        yield Struck(self.seconds, LAST, LAST.lasts[0])

    def mischief(self, half: int) -> Mapping[str, Any]:
        """Upstream's misbehaviour in the first half (0) and the second (1): each signs in its own form."""
        return {**MISCHIEF, "seed": 2 * self.seed + half, "secret_form": ("hex", "raw")[half]}

"""What a soak does and when, drawn once from its seed: the same seed, the same submissions and the same kills.

What the processes make of it is theirs: the order of things that happen at once is never the same twice.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

MISCHIEF: Mapping[str, Any] = {
    "webhook_duplicated": 0.2, "webhook_reordered": 0.2, "webhook_dropped": 0.1,
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

PAUSE, DOWN = (2.0, 6.0), (0.1, 2.0)
ALL = ("redis", "service", "worker")
VICTIMS: Mapping[tuple[str, ...], int] = {("service",): 3, ("worker",): 3, ("redis",): 3, ALL: 1}


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
class Kill:
    """At `at` seconds the victims are killed with -9, and `down` seconds later started again."""

    at: float
    victims: tuple[str, ...]
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

    def kills(self) -> Iterator[Kill]:
        """One after the other; at the very end everything is killed at once, as if the machine lost power."""
        chance = Random(f"{self.seed}:kills")
        at = chance.uniform(*PAUSE)
        while at < self.seconds - DOWN[1]:
            victims = chance.choices(list(VICTIMS), list(VICTIMS.values()))[0]
            down = chance.uniform(*DOWN)
            yield Kill(at, victims, down)
            at += down + chance.uniform(*PAUSE)
        yield Kill(self.seconds, ALL, DOWN[0])

    def mischief(self, half: int) -> Mapping[str, Any]:
        """Upstream's misbehaviour in the first half (0) and the second (1): each signs in its own form."""
        return {**MISCHIEF, "seed": 2 * self.seed + half, "secret_form": ("hex", "raw")[half]}

"""A team's credits and every movement of them."""

from dataclasses import dataclass, field
from typing import Any, Literal

from sandbox.refusals import InsufficientCredits


@dataclass(frozen=True, slots=True)
class Entry:
    """One movement of credits, negative for a charge, and the balance after it."""

    job_id: str
    reason: Literal["charge", "refund"]
    change: int
    balance: int

    def wire(self) -> dict[str, Any]:
        return {
            "jobId": self.job_id,
            "reason": self.reason,
            "change": self.change,
            "balance": self.balance,
        }


@dataclass(slots=True)
class Ledger:
    """A team's credits. A job is charged once, at submission, and refunded in full at most once."""

    balance: int
    entries: list[Entry] = field(default_factory=list)

    def charge(self, job_id: str, cost: int) -> None:
        """Raises `InsufficientCredits`, and then deducts nothing."""
        if cost > self.balance:
            raise InsufficientCredits(cost, self.balance)
        self._move(job_id, "charge", -cost)

    def refund(self, job_id: str, cost: int) -> None:
        self._move(job_id, "refund", cost)

    def wire(self) -> dict[str, Any]:
        return {"balance": self.balance, "entries": [entry.wire() for entry in self.entries]}

    def _move(self, job_id: str, reason: Literal["charge", "refund"], change: int) -> None:
        self.balance += change
        self.entries.append(Entry(job_id, reason, change, self.balance))

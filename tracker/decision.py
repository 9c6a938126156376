"""What a change does to a job, in Python: the reference that `store/lua/apply.lua` is held against, state by state."""

from dataclasses import dataclass, replace

from tracker.job import FINAL, Outcome, Status
from tracker.transitions import Change, State, Verdict


@dataclass(frozen=True)
class Standing:
    """The part of a record that the guards look at."""

    state: State
    status: Status
    progress: int = 0
    arbitrated: bool = False
    newly_bound: bool = False
    holds_slot: bool = False
    seen: frozenset[bytes] = frozenset()
    filled: frozenset[str] = frozenset()
    """Fields of the change's `fill` and `lower` that have nothing to add."""


@dataclass(frozen=True)
class Decision:
    """The job afterwards. `asks`: upstream is to be asked at once."""

    outcome: Outcome
    status: Status
    progress: int
    disputed: bool = False
    asks: bool = False


def decide(standing: Standing, change: Change) -> Decision:
    """What becomes of `change` at a job that stands so. The reference for `apply.lua`: same steps, same order."""
    if change.fingerprint and change.fingerprint in standing.seen:
        return _stays(standing, Outcome.DUPLICATE)
    if change.needs_no_slot and standing.holds_slot:
        return _stays(standing, Outcome.STALE)
    verdict = change.verdicts[standing.state]
    if verdict.to is not None and _moves(standing, verdict.to, change.progress):
        return Decision(Outcome.APPLIED, verdict.to, _progress(standing, verdict.to, change.progress),
                        asks=change.asks and not verdict.to.is_final)  # fmt: skip
    outcome = _unmoved(standing, verdict, change)
    if outcome is Outcome.CONFLICT:
        asks = not standing.arbitrated
        return replace(_stays(standing, outcome), disputed=asks or standing.state is State.DISPUTED, asks=asks)
    over = standing.state is State.DISPUTED and (verdict.upholds or verdict.to is not None)
    stays = _stays(standing, outcome)
    return replace(stays, disputed=stays.disputed and not over, asks=change.asks and outcome is Outcome.NOTED)


def _stays(standing: Standing, outcome: Outcome) -> Decision:
    return Decision(outcome, standing.status, standing.progress, disputed=standing.state is State.DISPUTED)


def _moves(standing: Standing, to: Status, progress: int | None) -> bool:
    if standing.state is State.INFERRED or to is not standing.status:
        return True
    return standing.state is not State.DISPUTED and progress is not None and progress > standing.progress


def _progress(standing: Standing, to: Status, progress: int | None) -> int:
    """Progress only grows, and a failure leaves it where it was (upstream lets it fall to 0 or null)."""
    if to in (Status.PROCESSING, Status.COMPLETED):
        return max(standing.progress, 100 if to is Status.COMPLETED else progress or 0)
    return standing.progress


def _unmoved(standing: Standing, verdict: Verdict, change: Change) -> Outcome:
    if standing.newly_bound and standing.state.value in FINAL:
        return Outcome.CONFLICT  # we called it failed, and upstream has it after all
    if verdict.to is not None and standing.state is State.DISPUTED:
        return Outcome.NOTED  # the lookup confirms what we have
    if verdict.to is not None:
        older = change.progress is not None and change.progress < standing.progress
        return Outcome.STALE if older else Outcome.DUPLICATE
    fills = bool({*change.fill, *change.lower} - standing.filled)
    return Outcome.NOTED if verdict.outcome is Outcome.DUPLICATE and fills else verdict.outcome

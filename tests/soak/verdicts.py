"""What was promised, held against the evidence. Each promise is a function that names whoever it was broken to."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from tests.soak.evidence import Evidence, Ours
from tracker.job import FailureCode, HistoryEntry, Job, Status

SETTLED_WITHIN = timedelta(seconds=60)
ORDER = (Status.PENDING, Status.QUEUED, Status.PROCESSING, Status.COMPLETED, Status.FAILED, Status.CANCELLED)
"""Of two final states none comes before the other; neither may follow the other."""


@dataclass(frozen=True)
class Verdict:
    """`offenders` are ids of jobs, or words where it is no job's fault; none of them: the promise was kept."""

    promise: str
    offenders: tuple[str, ...]

    @property
    def kept(self) -> bool:
        return not self.offenders


def verdicts(evidence: Evidence) -> list[Verdict]:
    return [Verdict(promise, tuple(check(evidence))) for promise, check in PROMISES.items()]


def _lost(evidence: Evidence) -> Iterable[str]:
    return sorted(evidence.told.answered - set(evidence.ours))


def _taken_twice(evidence: Evidence) -> Iterable[str]:
    """A wish that became two jobs of ours, whether its caller knows of it or not."""
    wished: defaultdict[str, set[str]] = defaultdict(set)
    for job_id, one in evidence.ours.items():
        wished[str(one.stored.job.prompt)].add(job_id)
    for prompt, ids in evidence.told.ids.items():
        wished[prompt] |= ids
    return [job_id for ids in wished.values() if len(ids) > 1 for job_id in sorted(ids)]


def _charged_twice(evidence: Evidence) -> Iterable[str]:
    """A wish that upstream took twice, or a job of upstream's that was charged more than once."""
    taken: defaultdict[str, list[str]] = defaultdict(list)
    for job in evidence.upstream.jobs:
        taken[job["input"]["prompt"]].append(job["id"])
    twice = [job_id for ids in taken.values() if len(ids) > 1 for job_id in ids]
    return [*twice, *(job_id for job_id, charges in evidence.upstream.charges.items() if charges > 1)]


def _differing(evidence: Evidence) -> Iterable[str]:
    """Both ways: every job of ours is as upstream has it, and every job that upstream charged for is one of ours."""
    truth = {job["id"]: job for job in evidence.upstream.jobs}
    held = {one.stored.job.upstream_job_id for one in evidence.ours.values()}
    differing = [job_id for job_id, one in evidence.ours.items() if not _agrees(one.stored.job, truth)]
    return [*differing, *(job_id for job_id in truth if job_id not in held)]


def _agrees(job: Job, truth: Mapping[str, Mapping[str, Any]]) -> bool:
    theirs = truth.get(job.upstream_job_id or "")
    if theirs is None or job.status != theirs["status"] or job.prompt != theirs["input"]["prompt"]:
        return False
    if job.id not in theirs["input"]["webhookUrl"]:
        return False
    return _result(job) == theirs["result"] and _failure(job) == theirs["error"] and _costs(job, theirs["creditCost"])


def _costs(job: Job, theirs: int | None) -> bool:
    """What a failure costs is in no webhook: there it may be unknown, and must not be wrong."""
    return job.credit_cost == theirs or (job.credit_cost is None and job.status is not Status.COMPLETED)


def _result(job: Job) -> Any:
    return job.result and job.result.model_dump(mode="json", by_alias=True)


def _failure(job: Job) -> str | None:
    """Upstream's own words; what we inferred is none of them."""
    return job.error.message if job.error and job.error.code is FailureCode.PROVIDER_FAILED else None


def _backwards(evidence: Evidence) -> Iterable[str]:
    return [job_id for job_id, one in evidence.ours.items() if any(_falls(*pair) for pair in pairwise(one.history))]


def _falls(before: HistoryEntry, after: HistoryEntry) -> bool:
    """A final state stays, and nothing here contradicts one: so not even another final state may follow."""
    if before.status.is_final and after.status is not before.status:
        return True
    return (
        ORDER.index(after.status) < ORDER.index(before.status)
        or after.progress < before.progress
        or after.seq <= before.seq
    )


def _disordered(evidence: Evidence) -> Iterable[str]:
    return [job_id for job_id, one in evidence.ours.items() if not _in_order(one.stored.job)]


def _in_order(job: Job) -> bool:
    times = [job.created_at, job.submitted_at, job.started_at, job.completed_at]
    known = [moment for moment in times if moment is not None]
    return known == sorted(known)


def _late(evidence: Evidence) -> Iterable[str]:
    until = evidence.calm_at + SETTLED_WITHIN
    return [job_id for job_id, one in evidence.ours.items() if not _settled_by(one, until)]


def _settled_by(one: Ours, until: datetime) -> bool:
    return one.stored.job.status.is_final and one.settled_at is not None and one.settled_at <= until


def _unanswered(evidence: Evidence) -> Iterable[str]:
    return [*sorted(evidence.told.unanswered), *evidence.told.refused]


PROMISES: Mapping[str, Callable[[Evidence], Iterable[str]]] = {
    "nothing that was answered 202 is lost": _lost,
    "nothing is taken twice": _taken_twice,
    "nothing is charged twice": _charged_twice,
    "every job is as upstream has it": _differing,
    "no history goes backwards": _backwards,
    "created ≤ submitted ≤ started ≤ completed": _disordered,
    "all is settled within 60 s of the last fault": _late,
    "no mask is left in Redis": lambda evidence: evidence.leftovers,
    "every key has a lifetime or a reason": lambda evidence: evidence.untimed,
    "indexes agree with records": lambda evidence: [evidence.disagreement] if evidence.disagreement else [],
    "whatever Apiframe signed is accepted, and nothing else": lambda evidence: evidence.upstream.misjudged,
    "every caller is answered, and none refused": _unanswered,
    "no error, key or mask in a log, no process ends by itself": lambda evidence: evidence.troubles,
}

"""What happened and what it came to, as tables; and what was broken, with the history of each job."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from statistics import quantiles

from rich.console import Console
from rich.table import Table

from tests.soak.evidence import Evidence, Ours
from tests.soak.plan import How, Plan
from tests.soak.verdicts import Verdict
from tracker.job import Source, Status
from tracker.store.wire import Stored

SHOWN = 10
"""Offenders whose histories are printed for each broken promise; their ids are printed all."""
TITLES = {
    "submit_429": "429", "submit_503": "503",
    "submit_504": "taken, answered 504", "submit_cut": "taken, connection cut",
    "submit_without_id": "taken, answered without jobId", "submit_delayed": "taken, answered too late",
    "poll_429": "lookup 429", "poll_503": "lookup 503", "job_failed": "failed, refunded",
    "job_cancelled": "cancelled in silence", "webhook_duplicated": "webhook twice",
    "webhook_reordered": "webhook reordered", "webhook_dropped": "webhook dropped",
    "webhook_forged": "webhook forged", "webhook_unsigned": "webhook without signature",
}  # fmt: skip


def show(console: Console, plan: Plan, evidence: Evidence, verdicts: Sequence[Verdict]) -> None:
    console.print(_happened(plan, evidence))
    console.print(_judged(verdicts))
    for verdict in verdicts:
        if not verdict.kept:
            _accuse(console, evidence, verdict)


def _happened(plan: Plan, evidence: Evidence) -> Table:
    table = Table(title=f"Soak, seed {plan.seed}: {plan.seconds:.0f} s of faults, {evidence.seconds:.0f} s in all")
    table.add_column("what")
    table.add_column("how often", justify="right")
    table.add_column("of these")
    for name, counts in _counts(evidence).items():
        table.add_row(name, f"{counts.total():,}", _listed(counts))
    table.add_section()
    table.add_row("webhook lost: repaired after the job's end", "", _spread(_repairs(evidence)))
    table.add_row("from 202 to upstream's acceptance", "", _spread(_acceptances(evidence)))
    table.add_row("last job settled after the last fault", "", f"{_settling(evidence):.1f} s")
    return table


def _counts(evidence: Evidence) -> dict[str, Counter[str]]:
    jobs = [one.stored.job for one in evidence.ours.values()]
    told = evidence.told
    return {
        "submissions": Counter({"answered": len(told.ids), "never answered": len(told.unanswered)}),
        "repeated by their callers": Counter({"the same job": told.repeated}),
        "jobs": Counter(job.status for job in jobs),
        "settled by": Counter(job.settled_by or "nobody" for job in jobs),
        "taken by upstream": _attempts(one.stored for one in evidence.ours.values()),
        "killed with -9": _blows(evidence, How.KILLED),
        "frozen for some seconds": _blows(evidence, How.FROZEN),
        "faults of upstream's": Counter({TITLES[fault]: times for fault, times in evidence.strikes.items()}),
        "webhooks sent, by answer": evidence.upstream.deliveries,
        "webhooks taken, by outcome": _news(evidence, Source.WEBHOOK),
        "lookups, by outcome": _news(evidence, Source.POLL),
    }


def _attempts(jobs: Iterable[Stored]) -> Counter[str]:
    """Jobs by how many attempts their submission took."""
    return Counter("in one attempt" if job.attempts == 1 else f"in {job.attempts}" for job in jobs)


def _blows(evidence: Evidence, how: How) -> Counter[str]:
    return Counter({name: times for (kind, name), times in evidence.blows.items() if kind is how})


def _news(evidence: Evidence, source: Source) -> Counter[str]:
    histories = (one.history for one in evidence.ours.values())
    return Counter(entry.outcome for history in histories for entry in history if entry.source is source)


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{times:,} {what}" for what, times in counts.most_common() if times)


def _repairs(evidence: Evidence) -> list[float]:
    """Seconds from a job's end upstream to the lookup that told of it."""
    ended = {job["id"]: job["endedAt"] for job in evidence.upstream.jobs}
    polled = [one for one in evidence.ours.values() if one.stored.job.settled_by is Source.POLL]
    ends = [(one.settled_at, ended.get(one.stored.job.upstream_job_id)) for one in polled]
    return [(told - datetime.fromisoformat(end)).total_seconds() for told, end in ends if told and end]


def _acceptances(evidence: Evidence) -> list[float]:
    """Seconds from our 202 to the moment in which we knew that upstream has the job."""
    begun = ((one.stored.job.created_at, _accepted_at(one)) for one in evidence.ours.values())
    return [(moment - created).total_seconds() for created, moment in begun if moment]


def _accepted_at(one: Ours) -> datetime | None:
    return next((entry.at for entry in one.history if entry.status is not Status.PENDING), None)


def _settling(evidence: Evidence) -> float:
    last = max((one.settled_at for one in evidence.ours.values() if one.settled_at), default=evidence.calm_at)
    return max(0.0, (last - evidence.calm_at).total_seconds())


def _spread(seconds: list[float]) -> str:
    if len(seconds) < 2:
        return "no more than one"
    cuts = quantiles(seconds, n=100, method="inclusive")
    return f"p50 {cuts[49]:.1f} s, p99 {cuts[98]:.1f} s, max {max(seconds):.1f} s"


def _judged(verdicts: Sequence[Verdict]) -> Table:
    table = Table(title="Promises")
    table.add_column("promise")
    table.add_column("broken", justify="right")
    table.add_column("verdict")
    for verdict in verdicts:
        table.add_row(verdict.promise, str(len(verdict.offenders)), "kept" if verdict.kept else "[bold red]BROKEN")
    return table


def _accuse(console: Console, evidence: Evidence, verdict: Verdict) -> None:
    console.print(f"\n[bold red]BROKEN[/]: {verdict.promise}")
    for offender in verdict.offenders:
        console.print(f"  {offender}", markup=False, soft_wrap=True)
    for offender in verdict.offenders[:SHOWN]:
        if one := evidence.ours.get(offender):
            console.print(_testimony(one, evidence), markup=False, soft_wrap=True)


def _testimony(one: Ours, evidence: Evidence) -> str:
    """The job, its history line by line, and what upstream says of it."""
    theirs = [job for job in evidence.upstream.jobs if job["id"] == one.stored.job.upstream_job_id]
    lines = [one.stored.job.model_dump_json(by_alias=True), *(entry.model_dump_json() for entry in one.history)]
    return "\n    ".join(["", *lines, f"upstream: {theirs}"])

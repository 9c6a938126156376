"""The one-minute version of `make soak`: the same faults, the same kills, the same promises, fewer jobs."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from rich.console import Console

from tests.soak import report
from tests.soak.plan import ALL, How, Plan
from tests.soak.run import soak
from tests.soak.verdicts import verdicts

PLAN = Plan(seconds=40, jobs=400, seed=5, poll_after=5)


@pytest.mark.timeout(300)
async def test_a_minute_of_faults_breaks_no_promise(capsys: pytest.CaptureFixture[str]) -> None:
    """What is broken is printed, job by job."""
    with TemporaryDirectory(prefix="soak-") as folder:  # not pytest's own: the path of a socket is short
        evidence = await soak(PLAN, Path(folder))
    judged = verdicts(evidence)
    report.show(Console(width=118), PLAN, evidence, judged)
    assert [verdict.promise for verdict in judged if not verdict.kept] == []
    assert "BROKEN" not in capsys.readouterr().out
    assert len(evidence.ours) == PLAN.jobs
    assert all(evidence.blows[How.KILLED, name] for name in ALL)

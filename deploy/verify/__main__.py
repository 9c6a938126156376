"""python -m deploy.verify [--quick], from the root of a clone; what is not committed is not tried in the image.

--quick: validators, the image, and each of its processes alone.
"""

import sys
import tempfile
from pathlib import Path

from deploy.verify import alone, failover, front, kube, stack, watch
from deploy.verify.engine import IMAGE, Engine
from deploy.verify.report import Report, Skip, Wrong
from deploy.verify.shell import ROOT, run
from deploy.verify.validators import validate


def main() -> int:
    report = Report()
    validate(report)
    try:
        engine = Engine()
    except Skip as skip:
        report.step("containers", _say, skip)
        return report.end()
    if report.step("images", engine.find_images) and report.step("image", _build, engine):
        _try(engine, report)
    return report.end()


def _say(what: Exception) -> str:
    raise what


def _build(engine: Engine) -> str:
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder, "clone")
        run("git", "clone", "--quiet", "--depth", "1", f"file://{ROOT}", clone)
        return (
            f"{engine.build(clone, 'sandbox', IMAGE)}; without the sandbox {engine.build(clone, 'run', f'{IMAGE}-run')}"
        )


def _try(engine: Engine, report: Report) -> None:
    report.step("what is in it", alone.contents, engine)
    for command in ("serve", "worker", "sandbox"):
        report.step(f"{command} alone", alone.process, engine, command)
    if "--quick" not in sys.argv:
        _try_together(engine, report)


def _try_together(engine: Engine, report: Report) -> None:
    try:
        with stack.running(engine):
            if report.step("compose", stack.get_well, engine):
                report.step("jobs", stack.complete_a_job)
                report.step("an image", stack.see_an_image)
                report.step("doctor", stack.examined, engine)
                report.step("rolling restart", stack.roll, engine)
                report.step("Redis restarted", stack.restart_redis, engine)
                report.step("prometheus", watch.watched)
                report.step("dashboard", watch.drawn)
                report.step("nginx with TLS", front.tried)
    except (Skip, Wrong) as error:
        report.step("compose", _say, error)
    report.step("a Redis fail-over", failover.tried, engine)
    report.step("play kube", kube.play, engine)


if __name__ == "__main__":
    sys.exit(main())

"""`submit`, `get` and `watch`: a caller's commands over HTTP."""

import base64
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cli.api import Job, caller_settings, connect
from cli.bars import JobBars
from cli.exits import Exit, Stop

AsJson = Annotated[bool, typer.Option("--json", help="JSON for scripts, on stdout.")]
JobId = Annotated[str, typer.Argument(help="Our id, or upstream's.")]


def submit(
    mask: Annotated[Path, typer.Argument(help="Image file: white is repainted, black stays. '-' reads stdin.")],
    parent: Annotated[str, typer.Option("--parent", help="Id of a finished upsample at Apiframe.")],
    prompt: Annotated[str | None, typer.Option(help="What to paint; by default the parent's prompt.")] = None,
    label: Annotated[list[str] | None, typer.Option(help="NAME=VALUE, to find the job again; repeatable.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Follow the job to its end.")] = False,
    as_json: AsJson = False,
) -> None:
    """Submits one inpaint job and prints its id."""
    body: Job = {"parentJobId": parent, "mask": base64.b64encode(_read(mask)).decode(), "labels": _labels(label or [])}
    if prompt is not None:
        body["prompt"] = prompt
    with connect(caller_settings()) as api:
        job = api.submit(body)
        if not wait:
            _print(job, as_json, plain=job["id"])
            return
    watch(job["id"], as_json)


def get(job_id: JobId, as_json: AsJson = False) -> None:
    """Shows one job as it is now."""
    with connect(caller_settings()) as api:
        job = api.get(job_id)
    _print(job, as_json, plain="\n".join(_facts(job)))


def watch(job_id: JobId, as_json: AsJson = False) -> None:
    """Follows one job until it is final; exits with 1 unless it completed."""
    with connect(caller_settings()) as api:
        job = _follow_as_json(api.follow(job_id)) if as_json else _follow_as_bar(api.follow(job_id))
    if job["status"] != "COMPLETED":
        error = job["error"] or {"code": job["status"].lower(), "message": "no reason given"}
        raise Stop(f"{job['id']} {job['status']}: {error['message']} ({error['code']})", Exit.FAILED)


def _follow_as_json(states: Iterator[Job]) -> Job:
    job: Job = {}
    for job in states:
        print(json.dumps(job), flush=True)
    return job


def _follow_as_bar(states: Iterator[Job]) -> Job:
    job: Job = {}
    with JobBars(Console(stderr=True)) as bars:
        for job in states:
            bars.show(job["id"], job)
    if job["result"]:
        print("\n".join(job["result"]["images"]))
    return job


def _read(path: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
    except OSError as error:
        raise Stop(f"Cannot read {path}: {error.strerror}", Exit.USAGE) from None


def _labels(given: list[str]) -> dict[str, str]:
    labels = dict(label.partition("=")[::2] for label in given)
    if not all(labels.values()):
        raise Stop("A label is NAME=VALUE.", Exit.USAGE)
    return labels


def _print(job: Job, as_json: bool, plain: str) -> None:
    print(json.dumps(job) if as_json else plain)


def _facts(job: Job) -> list[str]:
    shown = ("id", "status", "progress", "owner", "upstreamJobId", "parentJobId", "prompt", "labels", "creditCost",
             "settledBy", "createdAt", "submittedAt", "startedAt", "completedAt", "resultExpiresAt")  # fmt: skip
    facts = [f"{name:16} {job[name]}" for name in shown if job[name] not in (None, {})]
    if job["error"]:
        facts.append(f"{'error':16} {job['error']['message']} ({job['error']['code']})")
    return facts + [f"{'image':16} {url}" for url in (job["result"] or {}).get("images", [])]

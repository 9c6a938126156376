"""A caller's commands over HTTP: `submit`, `get`, `watch`, `cancel`, `track` and `refresh`."""

import base64
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from cli.api import Api, Job, connect, each
from cli.config import caller_settings
from cli.exits import Exit, Stop, stop_if_any
from cli.filters import After, Before, Labels, Owner, Parent, Statuses, filters_of
from cli.following import as_lines, follow_all
from cli.options import AsJson, ConfigFile, JobId, JobIds, Url, labels_of, text, upsample
from cli.output import one_by_one, one_line, say, say_json
from cli.watching import watch_matching


def submit(
    masks: Annotated[
        list[Path], typer.Argument(help="Images: white is repainted, black stays. '-' reads stdin.", metavar="MASK")
    ],
    parent: Annotated[
        str, typer.Option("--parent", help="A finished upsample at Apiframe.", metavar="ID", callback=upsample)
    ],
    prompt: Annotated[
        str | None, typer.Option(help="What to paint; by default the parent's prompt.", metavar="TEXT", callback=text)
    ] = None,
    label: Labels = None,
    key: Annotated[
        str | None,
        typer.Option(
            help="Idempotency-Key: the same gives the same job for a day. By default a new one.", metavar="KEY"
        ),
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Follow to the end.")] = False,
    as_json: AsJson = False,
    url: Url = None,
    config: ConfigFile = None,
) -> None:
    """Submits an inpaint job for each mask and prints its id; of several masks, with the mask it is for."""
    names = [str(mask) for mask in masks]
    _check_usage(names, key)
    shared: Job = {"parentJobId": parent, "labels": labels_of(label)} | ({} if prompt is None else {"prompt": prompt})
    bodies = {mask: {**shared, "mask": base64.b64encode(_read(mask)).decode()} for mask in names}
    with connect(caller_settings(url, config)) as api:
        if wait:
            _submit_and_follow(api, bodies, key, as_json)
        else:
            _submit(api, bodies, key, as_json)


def get(job_id: JobId, as_json: AsJson = False, url: Url = None, config: ConfigFile = None) -> None:
    """Shows one job as it is now."""
    with connect(caller_settings(url, config)) as api:
        job = api.get(job_id)
    _tell(job, as_json, plain="\n".join(_facts(job)))


def watch(
    job_ids: Annotated[
        list[str] | None, typer.Argument(help="Our ids, or upstream's.", metavar="JOB_ID", callback=text)
    ] = None,
    status: Statuses = None,
    owner: Owner = None,
    parent: Parent = None,
    label: Labels = None,
    after: After = None,
    before: Before = None,
    everything: Annotated[bool, typer.Option("--all", help="Every job there is.")] = False,
    as_json: AsJson = False,
    url: Url = None,
    config: ConfigFile = None,
) -> None:
    """Follows the jobs that are named until they are final, and exits with 1 unless all completed.

    With filters, or --all: every job that matches, each to its end, until Ctrl-C.
    """
    filters = filters_of(owner, parent, label, after, before)
    by_filter = bool(filters or status or everything)
    if by_filter == bool(job_ids):
        wrong = "Name jobs, or give filters, not both." if by_filter else "Name jobs, or give filters, or --all."
        raise Stop(f"{wrong} See `inpaint-tracker watch --help`.", Exit.USAGE)
    with connect(caller_settings(url, config)) as api:
        if by_filter:
            watch_matching(api, filters, status or (), as_json)
        else:
            follow_all(api, {job_id: one_line(job_id) for job_id in job_ids or ()}, as_lines() if as_json else None)


def cancel(job_ids: JobIds, as_json: AsJson = False, url: Url = None, config: ConfigFile = None) -> None:
    """Cancels jobs that are still pending; after that Apiframe offers no way."""
    with connect(caller_settings(url, config)) as api:
        _do_each(job_ids, api.cancel, as_json)


def refresh(job_ids: JobIds, as_json: AsJson = False, url: Url = None, config: ConfigFile = None) -> None:
    """Asks Apiframe about jobs now; needs a key with the scope ops."""
    with connect(caller_settings(url, config)) as api:
        _do_each(job_ids, api.refresh, as_json)


def track(
    upstream_id: Annotated[
        str,
        typer.Argument(
            help="Apiframe's id of a job that was submitted there directly.", metavar="UPSTREAM_ID", callback=text
        ),
    ],
    label: Labels = None,
    as_json: AsJson = False,
    url: Url = None,
    config: ConfigFile = None,
) -> None:
    """Takes over a job that you submitted to Apiframe yourself, and prints our id."""
    with connect(caller_settings(url, config)) as api:
        job = api.track(upstream_id, labels_of(label))
    _tell(job, as_json, plain=job["id"])


def _check_usage(masks: list[str], key: str | None) -> None:
    if key is not None and len(masks) > 1:
        raise Stop("--key names one submission: give it with one mask.", Exit.USAGE)
    if twice := next((mask for mask in masks if masks.count(mask) > 1), None):
        raise Stop(f"{twice} was given twice; each submission costs credits.", Exit.USAGE)
    if key is not None and not (0 < len(key) <= 255 and key.isascii() and key.isprintable() and key == key.strip()):
        raise Stop("--key takes 1 to 255 printable ASCII characters.", Exit.USAGE)


def _read(mask: str) -> bytes:
    if mask == "-" and sys.stdin is None:
        raise Stop("Cannot read -: standard input is closed.", Exit.USAGE)
    try:
        return sys.stdin.buffer.read() if mask == "-" else Path(mask).read_bytes()
    except OSError as error:
        raise Stop(f"Cannot read {one_line(mask)}: {error.strerror}", Exit.USAGE) from None


def _submit(api: Api, bodies: dict[str, Job], key: str | None, as_json: bool) -> None:
    with one_by_one(as_json) as tell:

        def taken(mask: str, job: Job) -> None:
            tell({"file": mask, **job}, f"{job['id']}  {one_line(mask)}" if len(bodies) > 1 else job["id"])

        _, troubles = _submit_each(api, bodies, key, taken)
    stop_if_any(troubles)


def _submit_and_follow(api: Api, bodies: dict[str, Job], key: str | None, as_json: bool) -> None:
    """The ids at once on stderr: whoever is interrupted while waiting has them. Stdout is for what comes of them."""

    def taken(mask: str, job: Job) -> None:
        if not as_json:
            print(f"{one_line(mask)}  {job['id']}", file=sys.stderr, flush=True)

    jobs, troubles = _submit_each(api, bodies, key, taken)
    files = {job["id"]: {"file": mask} for mask, job in jobs.items()}
    titles = {job["id"]: one_line(mask) for mask, job in jobs.items()}
    try:
        follow_all(api, titles, as_lines(files) if as_json else None)
    except Stop as stop:
        troubles.append(stop)
    stop_if_any(troubles)


def _submit_each(
    api: Api, bodies: dict[str, Job], key: str | None, taken: Callable[[str, Job], None]
) -> tuple[dict[str, Job], list[Stop]]:
    """A mask that is refused does not hold up the others; it is named where there are several."""
    jobs, troubles = {}, []
    for mask, outcome in zip(bodies, each(list(bodies), lambda mask: api.submit(bodies[mask], key)), strict=False):
        if isinstance(outcome, Stop):
            troubles.append(Stop(f"{one_line(mask)}: {outcome}", outcome.code) if len(bodies) > 1 else outcome)
        else:
            taken(mask, outcome)
            jobs[mask] = outcome
    return jobs, troubles


def _do_each(ids: list[str], act: Callable[[str], Job], as_json: bool) -> None:
    troubles = []
    outcomes: Iterator[Job | Stop] = each(ids, act)
    with one_by_one(as_json) as tell:
        for job_id, outcome in zip(dict.fromkeys(ids), outcomes, strict=False):
            if isinstance(outcome, Stop):
                troubles.append(Stop(f"{job_id}: {outcome}", outcome.code) if len(ids) > 1 else outcome)
            else:
                tell(outcome, f"{outcome['id']}  {outcome['status']}")
    stop_if_any(troubles)


def _tell(job: Job, as_json: bool, plain: str) -> None:
    if as_json:
        say_json(job)
    else:
        say(plain)


def _facts(job: Job) -> list[str]:
    shown = ("id", "status", "progress", "owner", "upstreamJobId", "parentJobId", "prompt", "creditCost",
             "settledBy", "createdAt", "submittedAt", "startedAt", "completedAt", "resultExpiresAt")  # fmt: skip
    facts = [f"{name:16} {one_line(str(job[name]))}" for name in shown if job.get(name) is not None]
    facts += [f"{'label':16} {name}={one_line(value)}" for name, value in job["labels"].items()]
    if job["error"]:
        facts.append(f"{'error':16} {one_line(job['error']['message'])} ({job['error']['code']})")
    return facts + [f"{'image':16} {url}" for url in (job["result"] or {}).get("images", [])]

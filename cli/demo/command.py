"""`inpaint-tracker demo`."""

import base64
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from pydantic import SecretStr

from cli.api import Api, CallerSettings, Job, connect
from cli.bars import JobBars
from cli.exits import Exit, Interrupted, Stop
from cli.output import say
from cli.screen import Screen

if TYPE_CHECKING:
    from cli.demo.picture import Wish
    from cli.demo.stack import Stack

console = Screen(highlight=False, soft_wrap=True)


def demo(
    output: Annotated[Path, typer.Option(help="Where the picture and the logs go.")] = Path("demo-output"),
    port: Annotated[int, typer.Option(min=0, max=65535, help="The service's; 0 takes any free one.")] = 8000,
    sandbox_port: Annotated[int, typer.Option(min=0, max=65535, help="The stand-in's; 0 takes any free one.")] = 9000,
    keep: Annotated[bool | None, typer.Option("--keep/--no-keep", help="Stay up; so by default on a terminal.")] = None,
) -> None:
    """Runs the main job on this machine: real masks, signed webhooks, progress, and a picture at the end."""
    try:
        from cli.demo import stack
    except ImportError as error:
        raise Stop(f"The demo needs more: in a checkout, pip install './[demo]' ({error.name})", Exit.USAGE) from None
    console.print("Starting Redis, a stand-in for Apiframe, the service and a worker …")
    try:
        with stack.running((port, sandbox_port), output / "logs") as parts:
            _run(parts, output)
            if sys.stdin.isatty() if keep is None else keep:
                _stay_up(parts)
    except Interrupted as interrupted:
        raise Stop("Stopped before the end.", interrupted.code) from None


def _run(parts: "Stack", output: Path) -> None:
    from cli.demo import picture
    from cli.demo.upstream import Upstream

    upstream = Upstream(parts.sandbox_url, parts.upstream_key)
    console.print("The stand-in draws a picture and upsamples it, as for any caller before an inpaint …")
    parent_id, before = upstream.upsampled()
    masks = [picture.draw_mask(before, wish) for wish in picture.WISHES]
    finished = _inpaint(parts, parent_id, masks, picture.WISHES)
    with console.status("Fetching the images: the stand-in paints them now …"):
        after = [[upstream.image(url) for url in job["result"]["images"]] for job in finished]
    sheet = output / "contact-sheet.png"
    picture.contact_sheet(list(zip(picture.WISHES, [before] * len(masks), masks, after, strict=True)), sheet)
    console.print(f"\nBefore, mask and after: [bold]{sheet}[/]   (logs: {output / 'logs'})")


def _inpaint(parts: "Stack", parent_id: str, masks: list[bytes], wishes: "tuple[Wish, ...]") -> list[Job]:
    """Each job through the API with a key, as a caller's would go, and every one to its end."""
    settings = CallerSettings(url=parts.service_url, api_key=SecretStr(parts.api_key))
    with connect(settings) as api:
        try:
            with JobBars(console) as bars:
                jobs = [_submit(api, parent_id, mask, wish) for mask, wish in zip(masks, wishes, strict=True)]
                finished = _follow(api, bars, {wish.title: job for wish, job in zip(wishes, jobs, strict=True)})
        except Stop:
            parts.check()  # a part that has ended says more than that it cannot be reached
            raise
        _judge(finished, [api.events(job["id"]) for job in finished])
    return finished


def _submit(api: Api, parent_id: str, mask: bytes, wish: "Wish") -> Job:
    mask_text = base64.b64encode(mask).decode()
    return api.submit(
        {"parentJobId": parent_id, "mask": mask_text, "prompt": wish.prompt, "labels": {"demo": wish.subject}}
    )


def _follow(api: Api, bars: JobBars, jobs: dict[str, Job]) -> list[Job]:
    """Every job to its end, each over a held answer of its own."""

    def follow(title: str, job: Job) -> Job:
        for state in api.follow(job["id"]):
            job = state
            bars.show(f"{title:20}", state)
        return job

    pool = ThreadPoolExecutor(len(jobs))
    try:
        return list(pool.map(follow, jobs.keys(), jobs.values()))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # a held answer must not hold up Ctrl-C


def _judge(jobs: list[Job], histories: list[list[dict[str, Any]]]) -> None:
    """One line for each job, and Stop unless all completed."""
    console.print()
    for job, history in zip(jobs, histories, strict=True):
        webhooks = sum(event["source"] == "webhook" for event in history)
        how = f"{webhooks} signed webhooks, settled by {job['settledBy']}, {job['creditCost']} credits"
        console.print(f"  {job['id']}  {job['status']}  {job['error']['message'] if job['error'] else how}")
    if any(job["status"] != "COMPLETED" for job in jobs):
        raise Stop("Not every job completed.", Exit.FAILED)


def _stay_up(parts: "Stack") -> None:
    """To be stopped now is no failure: every job completed."""
    ever = threading.Event()
    try:
        say("Everything stays up; Ctrl-C stops it.")
        say(f"Dashboard and API: {parts.service_url}")
        say(f"API key, also to sign in with: {parts.api_key}")
        while not ever.wait(1):
            parts.check()
    except Interrupted:
        say("Stopping …")

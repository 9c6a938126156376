"""The demo profile of compose, used and restarted under load."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager

import httpx

from deploy.verify.engine import Engine
from deploy.verify.load import KEY, SIDE, Load
from deploy.verify.report import Wrong
from deploy.verify.shell import ROOT, attempt, program, run

PROJECT = "inpaint-verify"
FILES = ("-f", "compose.yaml", "-f", "verify/steady.yaml", "--env-file", "verify/verify.env")
PROFILES = ("--profile", "demo", "--profile", "watch")
SERVICE, SANDBOX = "http://127.0.0.1:18000", "http://127.0.0.1:19000"
PARTS = ("redis", "sandbox", "service-1", "service-2", "worker-1", "worker-2", "proxy")
ROLLED = ("service-1", "service-2", "worker-1", "worker-2")
BREATH_SECONDS = 3
"""Before the next one goes, so that the proxy has found the last one again."""


@contextmanager
def running(engine: Engine) -> Iterator[None]:
    compose = (program("podman-compose", "make .venv/verify installs it"), *FILES, *PROFILES)
    attempt(*compose, "down", "-v", env=engine.env, cwd=ROOT / "deploy")
    try:
        run(*compose, "up", "-d", "--no-build", *PARTS, "prometheus", env=engine.env, cwd=ROOT / "deploy")
        yield
    finally:
        attempt(*compose, "down", "-v", "-t", "5", env=engine.env, cwd=ROOT / "deploy")


def get_well(engine: Engine) -> str:
    started = time.monotonic()
    for part in PARTS:
        engine.until_well(_name(part))
    return f"{', '.join(PARTS)} well after {time.monotonic() - started:.1f} s"


def complete_a_job() -> str:
    return asyncio.run(_work(_nothing()))


def see_an_image() -> str:
    """The last job's, fetched by a service from where Apiframe's stand-in keeps it."""
    with httpx.Client(base_url=SERVICE, headers=KEY, timeout=30) as http:
        [job] = http.get("/v1/jobs", params={"limit": 1, "status": "COMPLETED"}).json()["jobs"]
        answer = http.get(f"/v1/jobs/{job['id']}/images/1")
    if answer.status_code != 200:
        raise Wrong(f"{answer.status_code} {answer.text}")
    return f"{answer.headers['content-type']}, {len(answer.content)} bytes"


def examined(engine: Engine) -> str:
    """What `doctor` finds from within: settings, Redis and its layout, worker, upstream, the public address."""
    told = json.loads(engine("exec", _name("service-1"), "inpaint-tracker", "doctor", "--json"))
    unwell = [f"{one['check']}: {one['message']}" for one in told["findings"] if one["level"] != "ok"]
    if told["problems"] or any(text.startswith("Redis") for text in unwell):
        raise Wrong("\n".join(unwell))
    return "\n".join([f"{len(told['findings'])} findings, {len(unwell)} of them warnings", *unwell])


def roll(engine: Engine) -> str:
    return asyncio.run(_work(asyncio.to_thread(_restart_all, engine)))


def restart_redis(engine: Engine) -> str:
    """Jobs are on its disk; service and worker find it again by themselves."""
    with httpx.Client(base_url=SERVICE, headers=KEY, timeout=10) as http:
        before, started = http.get("/v1/stats").json()["jobs"], time.monotonic()
        engine("restart", "-t", "30", _name("redis"))
        engine.until_well(_name("redis"))
        while any(http.get("/readyz").status_code != 200 for _ in range(6)):  # by both services
            if time.monotonic() - started > 60:
                raise Wrong("not ready again within a minute")
            time.sleep(0.1)
        took, after = time.monotonic() - started, http.get("/v1/stats").json()["jobs"]
    if after != before:
        raise Wrong(f"before: {before}, after: {after}")
    return f"ready again after {took:.1f} s, with every job: {sum(after.values())}"


def _restart_all(engine: Engine) -> None:
    for part in ROLLED:
        engine("restart", "-t", "30", _name(part))
        engine.until_well(_name(part))
        time.sleep(BREATH_SECONDS)


async def _nothing() -> None:
    await asyncio.sleep(0)


async def _work(meanwhile: Coroutine[None, None, None]) -> str:
    async with httpx.AsyncClient(base_url=SANDBOX, timeout=30) as sandbox:
        before = len((await sandbox.get("/sandbox/log")).json()["entries"])
        parent = (await sandbox.post("/sandbox/jobs", json={"width": SIDE, "height": SIDE})).json()["jobId"]
        load = Load(SERVICE, parent)
        await load.run(asyncio.create_task(meanwhile))
        entries = (await sandbox.get("/sandbox/log")).json()["entries"][before:]
    deliveries = Counter(entry["outcome"] for entry in entries if entry["kind"] == "delivery")
    ends = Counter(f"{job['status']} by {job['settledBy']}" for job in load.seen.jobs)
    told = [f"requests: {_told(load.seen.answers)}", f"webhooks: {_told(deliveries)}", f"jobs: {_told(ends)}"]
    if load.seen.failures or set(deliveries) != {"200"} or set(ends) != {"COMPLETED by webhook"}:
        raise Wrong("\n".join(told))
    return "\n".join(told)


def _told(counts: "Counter[str]") -> str:
    return ", ".join(f"{count} {what}" for what, count in sorted(counts.items()))


def _name(part: str) -> str:
    return f"{PROJECT}_{part}_1"

"""A fail-over of Redis under webhooks: three Redis and a Sentinel, and a service that waits for a replica's word."""

import asyncio
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

import httpx

from deploy.verify.alone import LOCKED
from deploy.verify.engine import IMAGE, Engine
from deploy.verify.load import KEY, SIDE, mask
from deploy.verify.report import Wrong
from deploy.verify.senders import sending
from deploy.verify.shell import ROOT

NETWORK, PLACE = "inpaint-verify-failover", "10.213.76"
REDIS, SENTINEL, SANDBOX, SERVICE, WORKER = ("3", "4", "5"), "6", "7", "8", "9"
UPSTREAM_KEY = (ROOT / "deploy/demo/apiframe_api_key").read_text().strip()
API_KEYS = (ROOT / "deploy/demo/api_keys").read_text().strip()
STORE = """redis-server --bind 0.0.0.0 --protected-mode no --appendonly yes --dir /tmp --repl-diskless-sync-delay 0 \\
  --pidfile /tmp/redis.pid "$@" & wait; exec sleep 600"""
"""A container that outlives its Redis: with one, its address would go, and with that, at times, the bridge's own."""
KILL = "kill -9 $(cat /tmp/redis.pid)"
WATCH = f"""cat > /tmp/s.conf <<X
protected-mode no
sentinel monitor jobs {PLACE}.{REDIS[0]} 6379 1
sentinel down-after-milliseconds jobs 1000
sentinel failover-timeout jobs 5000
X
exec redis-server /tmp/s.conf --sentinel"""
SETTINGS = {
    "REDIS_URL": f"redis+sentinel://{PLACE}.{SENTINEL}:26379/jobs",
    "APIFRAME_API_KEY": UPSTREAM_KEY,
    "APIFRAME_BASE_URL": f"http://{PLACE}.{SANDBOX}:9000",
    "PUBLIC_URL": f"http://{PLACE}.{SERVICE}:8000",
    "API_KEYS": API_KEYS,
    "WAIT_REPLICAS": "1",
}
QUICK = {"SANDBOX_API_KEYS": UPSTREAM_KEY, "SANDBOX_QUEUE_SECONDS": "0.2", "SANDBOX_RUN_SECONDS": "1"}
SENDERS, SECONDS, BACK_WITHIN = 8, 3.0, 10.0
NOTICED = 1.0
"""Sooner the Sentinel does not know that its primary is gone."""
URL, UPSTREAM = f"http://{PLACE}.{SERVICE}:8000", f"http://{PLACE}.{SANDBOX}:9000"


def tried(engine: Engine) -> str:
    with _running(engine):
        _until_well(engine)
        return asyncio.run(_killed(engine))


@contextmanager
def _running(engine: Engine) -> Iterator[None]:
    _clear(engine)
    try:
        engine("network", "create", "--subnet", f"{PLACE}.0/24", NETWORK)
        for at in REDIS:
            follows = () if at == REDIS[0] else ("--replicaof", f"{PLACE}.{REDIS[0]}", "6379")
            _run(engine, at, engine.env["REDIS_IMAGE"], "sh", "-c", STORE, "sh", *follows)
        _run(engine, SENTINEL, engine.env["REDIS_IMAGE"], "sh", "-c", WATCH)
        _run(engine, SANDBOX, IMAGE, "sandbox", "--host", "0.0.0.0", given=QUICK)
        _run(engine, SERVICE, IMAGE, "serve", given=SETTINGS)
        _run(engine, WORKER, IMAGE, "worker", given=SETTINGS)
        yield
    finally:
        _clear(engine)


def _run(engine: Engine, at: str, image: str, *command: str, given: dict[str, str] | None = None) -> None:
    settings = [part for name, value in (given or {}).items() for part in ("-e", f"{name}={value}")]
    placed = ("--name", _name(at), "--network", NETWORK, "--ip", f"{PLACE}.{at}")
    engine("run", "-d", *placed, *(part for part in LOCKED if part != "--network=none"), *settings, image, *command)


def _name(at: str) -> str:
    return f"{NETWORK}-{at}"


def _until_well(engine: Engine) -> None:
    """Ready, and with both replicas known to the Sentinel, who asks every ten seconds."""
    engine.until_well(_name(SERVICE))
    ask = ("exec", _name(SENTINEL), "redis-cli", "-p", "26379", "SENTINEL", "MASTER", "jobs")
    end = time.monotonic() + 60
    while not _ready() or "num-slaves\n2" not in engine(*ask):
        if time.monotonic() > end:
            raise Wrong(f"not ready with two replicas\n{engine(*ask)}\n{engine('logs', _name(SERVICE))}")
        time.sleep(0.5)


def _ready() -> bool:
    try:
        return httpx.get(f"{URL}/readyz").status_code == 200
    except httpx.TransportError:
        return False


@dataclass
class _Load:
    """Webhooks, each of another job; `acknowledged`: when, by upstream's id."""

    http: httpx.AsyncClient
    acknowledged: dict[str, float] = field(default_factory=dict)
    refused: int = 0
    wrong: list[str] = field(default_factory=list)
    """Other answers, and none."""

    async def send(self) -> None:
        while True:
            up = str(uuid.uuid4())
            body = json.dumps({"event": "progress", "jobId": up, "status": "PROCESSING", "progress": 45}).encode()
            key = hashlib.sha256(UPSTREAM_KEY.encode()).hexdigest().encode()
            signed = {"X-Webhook-Signature": f"sha256={hmac.new(key, body, hashlib.sha256).hexdigest()}"}
            try:
                answer = await self.http.post("/webhooks/apiframe", content=body, headers=signed)
            except httpx.TransportError as error:
                self.wrong.append(repr(error))
                continue
            if answer.status_code == 200:
                self.acknowledged[up] = time.monotonic()
            elif answer.status_code == 503:
                self.refused += 1
            else:
                self.wrong.append(f"{answer.status_code} {answer.text}")
            await asyncio.sleep(0.01)

    async def until_back(self, killed: float) -> float:
        while max(self.acknowledged.values()) < killed + NOTICED:
            if time.monotonic() > killed + 60:
                raise Wrong(f"no webhook is acknowledged a minute after the fail-over; {self.wrong[-3:]}")
            await asyncio.sleep(0.02)
        return time.monotonic() - killed

    async def lost(self) -> int:
        """Of those that were acknowledged, how many nobody knows any more."""
        found = [(await self.http.get(f"/v1/jobs/{up}")).status_code for up in self.acknowledged]
        return sum(status != 200 for status in found)


@asynccontextmanager
async def _loaded() -> AsyncIterator[_Load]:
    async with httpx.AsyncClient(base_url=URL, headers=KEY, timeout=20) as http:
        load = _Load(http)
        async with sending(load.send, SENDERS):
            yield load


async def _killed(engine: Engine) -> str:
    """Raises Wrong, with what the Sentinel has to say."""
    try:
        return await _killed_under_load(engine)
    except Wrong as wrong:
        raise Wrong(f"{wrong}\n{engine('logs', '--tail', '20', _name(SENTINEL))}") from None


async def _killed_under_load(engine: Engine) -> str:
    async with _loaded() as load:
        await asyncio.sleep(SECONDS)
        killed = time.monotonic()
        await asyncio.to_thread(engine, "exec", _name(REDIS[0]), "sh", "-c", KILL)
        back = await load.until_back(killed)
        status, done = await _a_job(load.http), time.monotonic() - killed
        await asyncio.sleep(SECONDS)
    async with httpx.AsyncClient(base_url=URL, headers=KEY, timeout=20) as load.http:
        lost = await load.lost()
    told = (
        f"{len(load.acknowledged)} webhooks acknowledged, {lost} of them lost, {load.refused} answered 503\n"
        f"acknowledged again after {back:.1f} s; a job sent then: {status} {done:.1f} s after the primary was killed"
    )
    told += f"\nother answers: {load.wrong[:3]}" if load.wrong else ""
    if lost or load.wrong or back > BACK_WITHIN or status != "COMPLETED":
        raise Wrong(told)
    return told


async def _a_job(http: httpx.AsyncClient) -> str:
    """Through submission, worker, sandbox and webhook, as soon as one is taken."""
    async with httpx.AsyncClient(base_url=UPSTREAM, timeout=20) as sandbox:
        parent = (await sandbox.post("/sandbox/jobs", json={"width": SIDE, "height": SIDE})).json()["jobId"]
    file = {"mask": ("mask.png", mask(), "image/png")}
    answer = await http.post("/v1/jobs", data={"parentJobId": parent}, files=file)
    while answer.status_code == 503:
        await asyncio.sleep(0.2)
        answer = await http.post("/v1/jobs", data={"parentJobId": parent}, files=file)
    final = await http.get(f"/v1/jobs/{answer.json()['id']}?wait=60&until=final", timeout=70)
    return str(final.json()["status"])


def _clear(engine: Engine) -> None:
    engine.tells("rm", "-f", "-t", "1", *(_name(at) for at in (*REDIS, SENTINEL, SANDBOX, SERVICE, WORKER)))
    engine.tells("network", "rm", "-f", NETWORK)

"""The nginx example with TLS, by this machine's nginx, in front of the two services of the running stack."""

import asyncio
import base64
import shutil
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from deploy.verify.load import KEY, SIDE, mask
from deploy.verify.report import Wrong
from deploy.verify.shell import program
from deploy.verify.stack import SANDBOX
from deploy.verify.validators import DEBIAN, written_nginx

PLAIN, TLS = 18080, 18443
SERVICES = {"service-1:": "10.213.73.11:", "service-2:": "10.213.73.12:"}
PORTS = {"listen 8080": f"listen 127.0.0.1:{PLAIN}", "listen 8443": f"listen 127.0.0.1:{TLS}"}
SLOW = {"zone=webhooks:10m rate=500r/s": "zone=webhooks:10m rate=5r/s", "burst=1000": "burst=5"}
BASE, PREFIX = f"https://127.0.0.1:{TLS}", "/tracker"


def tried() -> str:
    """What goes through and what does not, as nginx/*.conf says; limits are lowered, so that they can be reached."""
    with _nginx():
        told = [*_answers(), asyncio.run(_stream())]
    return "\n".join(told)


@contextmanager
def _nginx() -> Iterator[None]:
    nginx, folder = program("nginx", DEBIAN), Path(tempfile.mkdtemp())
    here = {
        "_path /tmp/": f"_path {folder}/",
        "pid /tmp/": f"pid {folder}/",
        "/dev/stdout line": "off",
        "stderr warn": f"{folder}/log",
    }
    written_nginx(folder, {**SERVICES, **PORTS, **SLOW, **here})
    process = subprocess.Popen([nginx, "-e", f"{folder}/log", "-c", folder / "tls.conf", "-g", "daemon off;"])
    try:
        _until_it_answers(process)
        yield
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder)


def _until_it_answers(process: "subprocess.Popen[bytes]") -> None:
    for _ in range(50):
        try:
            httpx.get(f"{BASE}/healthz", verify=False)
            return
        except httpx.TransportError:
            time.sleep(0.1)
    raise Wrong(f"nginx does not answer; it ended with {process.poll()}")


def _answers() -> Iterator[str]:
    with httpx.Client(base_url=BASE, verify=False, headers=KEY, timeout=20) as http:
        yield _expect("health", http.get("/healthz"), 200)
        yield _expect("metrics", http.get("/metrics"), 404)
        yield _expect("plain http", httpx.get(f"http://127.0.0.1:{PLAIN}/v1/jobs"), 308)
        yield _expect("forged webhook, under a path", http.post(f"{PREFIX}/webhooks/apiframe", content=b"{}"), 401)
        yield _expect("webhook too large", http.post("/webhooks/apiframe", content=b" " * 300_000), 413)
        codes = Counter(http.post("/webhooks/apiframe", content=b"{}").status_code for _ in range(30))
        if not codes[429]:
            raise Wrong(f"webhooks are not limited: {codes}")
        yield f"webhooks beyond the limit: {codes[429]} of 30 answered 429"


def _expect(what: str, answer: httpx.Response, status: int) -> str:
    if answer.status_code != status:
        raise Wrong(f"{what}: {answer.status_code}, not {status}\n{answer.text[:500]}")
    return f"{what}: {status}"


async def _stream() -> str:
    """Events come as they happen; Location has the path's prefix."""
    async with httpx.AsyncClient(verify=False, headers=KEY, timeout=30) as http:
        parent = (await http.post(f"{SANDBOX}/sandbox/jobs", json={"width": SIDE, "height": SIDE})).json()["jobId"]
        async with http.stream("GET", f"{BASE}{PREFIX}/v1/stream") as events:
            body = {"parentJobId": parent, "mask": base64.b64encode(mask()).decode()}
            answer = await http.post(f"{BASE}{PREFIX}/v1/jobs", json=body)
            _expect("a job", answer, 202)
            location, started = answer.headers["Location"], time.monotonic()
            async for line in events.aiter_lines():
                if answer.json()["id"] in line:
                    break
    if not location.startswith(f"{PREFIX}/v1/jobs/"):
        raise Wrong(f"Location is {location}")
    return f"a stream's first event {time.monotonic() - started:.2f} s after the job; Location {location[:20]}…"

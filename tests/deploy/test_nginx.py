"""Our proxy's limits, by this machine's nginx, with no service behind it: 502 is what was let through."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from deploy.verify.report import Skip
from deploy.verify.shell import program
from deploy.verify.validators import DEBIAN, written_nginx
from tests.processes import free_port

LARGE = b" " * 30_000
"""More than nginx keeps in memory."""
AT_ONCE = 16


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[str]:
    try:
        nginx = program("nginx", DEBIAN)
    except Skip as skip:
        pytest.skip(str(skip))
    port, nobody = free_port(), free_port()
    changes = {
        "service-1:8000": f"127.0.0.1:{nobody}", "service-2:8000": f"127.0.0.2:{nobody}",
        "listen 8080": f"listen 127.0.0.1:{port}", "_path /tmp/": f"_path {tmp_path}/", "pid /tmp/": f"pid {tmp_path}/",
        "/dev/stdout line": "off", "stderr warn": f"{tmp_path}/log",
    }  # fmt: skip
    written_nginx(tmp_path, changes)
    user = "" if os.geteuid() else "user root;"  # nobody else comes into the test's folder
    line = [nginx, "-e", f"{tmp_path}/log", "-c", f"{tmp_path}/plain.conf", "-g", f"daemon off;{user}"]
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _until_it_listens(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _until_it_listens(port: int) -> None:
    for _ in range(100):
        with socket.socket() as probe:
            if not probe.connect_ex(("127.0.0.1", port)):
                return
        time.sleep(0.05)
    raise AssertionError("nginx does not listen")


def _half_a_body(proxy: str) -> socket.socket:
    half = socket.create_connection(("127.0.0.1", int(proxy.rpartition(":")[2])))
    half.sendall(b"POST /v1/jobs HTTP/1.1\r\nHost: here\r\nContent-Length: 12000000\r\n\r\n" + LARGE)
    return half


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
def test_an_address_has_few_large_bodies_on_the_way(proxy: str) -> None:
    """They lie in a small /tmp until they are whole; what is small, and what reads, goes on."""
    with ExitStack() as slow, httpx.Client(base_url=proxy, timeout=10) as http:
        for _ in range(AT_ONCE):
            slow.enter_context(_half_a_body(proxy))
        end = time.monotonic() + 5
        while (status := http.post("/v1/jobs", content=LARGE).status_code) != 429:
            assert (status, time.monotonic() < end) == (502, True)
            slow.enter_context(_half_a_body(proxy))  # in the place of one that was counted after this call, and refused
            time.sleep(0.05)  # or it would be the limit on calls that is met
        assert http.post("/v1/jobs", content=LARGE, headers={"Idempotency-Key": "a"}).status_code == 429
        assert http.request("GET", "/v1/jobs", content=LARGE).status_code == 429
        assert http.post("/v1/jobs", content=b"{}").status_code == 502
        assert http.get("/v1/jobs").status_code == 502
        assert http.get("/v1/jobs/one").status_code == 502
        assert http.post("/webhooks/apiframe", content=LARGE).status_code == 502


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
def test_a_large_body_goes_nowhere_but_to_submissions(proxy: str) -> None:
    """With and without a key that lets it be repeated."""
    with httpx.Client(base_url=proxy, timeout=10) as http:
        for headers in ({}, {"Idempotency-Key": "a"}):
            sent = [http.post(path, content=b" " * 70_000, headers=headers) for path in ("/v1/jobs", "/v1/queue/pause")]
            assert [answer.status_code for answer in sent] == [502, 413]

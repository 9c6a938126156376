"""A Redis that speaks TLS alone, with a certificate of an authority of one's own."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes import free_port
from tracker.store.connection import UNAVAILABLE, connect

SERVER, OPENSSL = shutil.which("redis-server"), shutil.which("openssl")
pytestmark = pytest.mark.skipif(not (SERVER and OPENSSL), reason="needs a redis-server of the system, and openssl")


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    port, made = free_port(), ("-keyout", tmp_path / "key.pem", "-out", tmp_path / "ca.pem", "-days", "1")
    name = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    subprocess.run([str(OPENSSL), "req", "-x509", "-newkey", "rsa:2048", "-nodes", *name, *made], check=True, stderr=-3)
    tls = ("--tls-cert-file", tmp_path / "ca.pem", "--tls-key-file", tmp_path / "key.pem", "--tls-auth-clients", "no")
    line = map(str, [SERVER, "--port", "0", "--tls-port", port, "--dir", tmp_path, "--save", "", *tls])
    process = subprocess.Popen([*line], stdout=subprocess.DEVNULL)
    try:
        yield f"rediss://localhost:{port}/0"
    finally:
        process.kill()
        process.wait()


async def test_the_authority_is_named_in_the_address(address: str, tmp_path: Path) -> None:
    """Without it the certificate is not believed, and the connection is none."""
    async with connect(f"{address}?ssl_ca_certs={tmp_path}/ca.pem", retries=40) as redis:
        assert await redis.set("a", "b")
    async with connect(address) as redis:
        with pytest.raises(UNAVAILABLE):
            await redis.ping()

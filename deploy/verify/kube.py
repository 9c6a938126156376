"""The overlay `small` as pods, without a cluster: `podman play kube`. What needs one is left out."""

import tempfile
import time
from pathlib import Path
from typing import Any

import yaml

from deploy.verify.engine import IMAGE, Engine
from deploy.verify.report import Wrong
from deploy.verify.validators import rendered

NETWORK, SUBNET, REDIS = "inpaint-verify-kube", "10.213.75.0/24", "10.213.75.3"
SECRET = {
    "redis_url": f"redis://{REDIS}:6379/0",
    "apiframe_api_key": "afk_none",
    "apiframe_previous_api_keys": "",
    "api_keys": "[]",
}
SECRETS, TMP = f"{NETWORK}-secrets", f"{NETWORK}-tmp"
KINDS = ("ConfigMap", "Deployment")
READY = """from http.client import HTTPConnection
http = HTTPConnection("127.0.0.1", 8000)
http.request("GET", "/readyz")
print(http.getresponse().status)"""


def play(engine: Engine) -> str:
    documents = [
        _secrets(),
        *(_for_podman(one) for one in yaml.safe_load_all(rendered("small")) if one["kind"] in KINDS),
    ]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "small.yaml")
        file.write_text(yaml.safe_dump_all(documents))
        _clear(engine, file)
        try:
            engine("network", "create", "--subnet", SUBNET, NETWORK)
            redis = (engine.env["REDIS_IMAGE"], "redis-server", "--bind", "0.0.0.0", "--protected-mode", "no")
            engine("run", "-d", "--name", f"{NETWORK}-redis", "--network", NETWORK, "--ip", REDIS, *redis)
            engine("play", "kube", "--network", NETWORK, file)
            return _look(engine)
        finally:
            _clear(engine, file)


def _look(engine: Engine) -> str:
    names = engine("ps", "--format", "{{.Names}}").split()
    service = next(name for name in names if name.startswith("service-") and name.endswith("-service"))
    worker = next(name for name in names if name.startswith("worker-") and name.endswith("-worker"))
    _until(engine, service, "inpaint-tracker", "healthy", "serve")
    _until(engine, worker, "inpaint-tracker", "healthy", "worker")
    ready = engine("exec", service, "python", "-c", READY).strip()
    if ready != "200":
        raise Wrong(f"/readyz answers {ready}\n{engine('logs', service)}")
    return "service ready, worker well, with Redis by address and secrets in files"


def _until(engine: Engine, name: str, *command: str) -> None:
    end = time.monotonic() + 30
    while engine.tells("exec", name, *command):
        if time.monotonic() > end:
            raise Wrong(f"{name} does not get well\n{engine('logs', name)}")
        time.sleep(0.5)


def _secrets() -> dict[str, Any]:
    """As a ConfigMap: podman 4.3 leaves a Secret's files in base64."""
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": SECRETS}, "data": SECRET}


def _for_podman(document: dict[str, Any]) -> dict[str, Any]:
    """With the image that was built, with volumes of its own, and without probes, which podman would make with curl."""
    if document["kind"] == "Deployment":
        spec = document["spec"]["template"]["spec"]
        [container], [secrets, tmp] = spec["containers"], spec["volumes"]
        del secrets["secret"]
        secrets["configMap"] = {"name": SECRETS}
        tmp["name"] = container["volumeMounts"][1]["name"] = TMP
        container["image"] = IMAGE
        for probe in ("startupProbe", "livenessProbe", "readinessProbe", "lifecycle"):
            container.pop(probe, None)
    return document


def _clear(engine: Engine, file: Path) -> None:
    engine.tells("play", "kube", "--down", file)
    engine.tells("volume", "rm", SECRETS, TMP)
    engine.tells("rm", "-f", "-t", "1", f"{NETWORK}-redis")
    engine.tells("network", "rm", "-f", NETWORK)

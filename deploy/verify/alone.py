"""The image by itself: read-only, without rights, each of its three processes."""

import json
import time

from packaging.utils import canonicalize_name

from deploy.audit import every_pin
from deploy.verify.engine import IMAGE, Engine
from deploy.verify.report import Wrong

LOCKED = (
    "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--network=none", "--tmpfs=/tmp",
)  # fmt: skip
SETTINGS = ("-e", "REDIS_URL=redis://127.0.0.1:1/0", "-e", "APIFRAME_API_KEY=afk_none")

ELSEWHERE = {"async-timeout", "colorama"}
"""Locked for older Pythons and for Windows."""
READ = """import json
folder = "/usr/share/inpaint-tracker"
bill = json.load(open(f"{folder}/sbom.cdx.json"))
print(bill["bomFormat"], bill["specVersion"], len(bill["components"]))
ours = [one for one in bill["components"] if one.get("purl", "").startswith("pkg:pypi/")]
print(json.dumps({one["name"]: one["version"] for one in ours}))
print(open(f"{folder}/licences.txt").read())"""


def process(engine: Engine, command: str) -> str:
    """It gets well, runs as nobody, and ends with 0 when it is asked to, as pid 1."""
    name = f"inpaint-verify-{command}"
    engine("run", "-d", "--name", name, *LOCKED, *SETTINGS, IMAGE, command)
    try:
        engine.until_well(name)
        started = time.monotonic()
        engine("stop", "-t", "20", name)
        took, code = time.monotonic() - started, engine("inspect", name, "--format", "{{.State.ExitCode}}").strip()
        if code != "0":
            raise Wrong(f"ended with {code}\n{engine('logs', name)}")
        return f"well; asked to stop, ended with 0 after {took:.1f} s"
    finally:
        engine.tells("rm", "-f", name)


def contents(engine: Engine) -> str:
    """No shell, a user that is nobody, and what the bill of materials tells."""
    if not engine.tells("run", "--rm", *LOCKED, "--entrypoint", "sh", IMAGE, "-c", "true"):
        raise Wrong("there is a shell in it")
    if (user := engine("image", "inspect", IMAGE, "--format", "{{.Config.User}}").strip()) != "10001:10001":
        raise Wrong(f"it runs as {user!r}")
    told = engine("run", "--rm", *LOCKED, "--entrypoint", "python", IMAGE, "-c", READ)
    head, distributions, *licences = told.strip().splitlines()
    _as_locked(json.loads(distributions))
    unknown = [line.split()[0] for line in licences if line.endswith("not told")]
    return f"no shell, user {user}, {head} components, licences not told: {', '.join(unknown) or 'none'}"


def _as_locked(told: dict[str, str]) -> None:
    """The bill tells of just what the lock has, but for what other platforms need."""
    bill = {(str(canonicalize_name(name)), version) for name, version in told.items() if name != "inpaint-tracker"}
    locked = every_pin("sandbox")
    missing = {name for name, _ in locked} - {name for name, _ in bill} - ELSEWHERE
    if missing or not bill <= locked:
        raise Wrong(f"bill and lock differ: {bill - locked} are not locked, {missing} not in the bill")

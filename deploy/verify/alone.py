"""The image by itself: read-only, without rights, each of its three processes."""

import time

from deploy.verify.engine import IMAGE, Engine
from deploy.verify.report import Wrong

LOCKED = (
    "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges", "--network=none", "--tmpfs=/tmp",
)  # fmt: skip
SETTINGS = ("-e", "REDIS_URL=redis://127.0.0.1:1/0", "-e", "APIFRAME_API_KEY=afk_none")

READ = """import json
folder = "/usr/share/inpaint-tracker"
bill = json.load(open(f"{folder}/sbom.cdx.json"))
print(bill["bomFormat"], bill["specVersion"], len(bill["components"]))
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
    head, *licences = told.strip().splitlines()
    unknown = [line.split()[0] for line in licences if line.endswith("not told")]
    return f"no shell, user {user}, {head} components, licences not told: {', '.join(unknown) or 'none'}"

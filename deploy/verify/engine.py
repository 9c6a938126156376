"""podman, and the images: real ones where they can be pulled, else stand-ins made of Debian's packages."""

import os
import tempfile
import time
from pathlib import Path

from deploy.verify.report import Skip, Wrong
from deploy.verify.shell import BESIDE, ROOT, attempt, program, run

STAND_IN = "localhost/inpaint-stand-in"
IMAGES = {
    "BASE": "python:3.13-slim",
    "REDIS_IMAGE": "redis:7.2",
    "NGINX_IMAGE": "nginx:1.28",
    "PROMETHEUS_IMAGE": "prom/prometheus:v3.5.0",
}
PULL_SECONDS = 60
TAG = "verify"
IMAGE = f"localhost/inpaint-tracker:{TAG}"
# Without systemd: crun knows not every layout of control groups, and default limits may be above what is allowed.
PLAIN = """[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
netns = "host"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""


class Engine:
    def __init__(self) -> None:
        """Raises Skip where there is no podman that works."""
        self.podman = program("podman", "deploy/verify/install installs it")
        self.env = {"PATH": f"{BESIDE}{os.pathsep}{os.environ['PATH']}", "TAG": TAG}
        if not Path("/run/systemd/system").exists():
            config = Path(tempfile.mkdtemp()) / "containers.conf"
            config.write_text(PLAIN)
            self.env |= {"CONTAINERS_CONF": str(config), "BUILDAH_ISOLATION": "chroot"}
        code, told = attempt(self.podman, "info", env=self.env)
        if code:
            raise Skip(f"podman cannot be used here: {told.strip().splitlines()[-1]}")

    def __call__(self, *arguments: str | Path, seconds: float = 600, given: str | None = None) -> str:
        return run(self.podman, *arguments, env=self.env, seconds=seconds, given=given)

    def tells(self, *arguments: str | Path) -> int:
        return attempt(self.podman, *arguments, env=self.env)[0]

    def find_images(self) -> str:
        """Sets the variables of `IMAGES`."""
        missing = [name for name, image in IMAGES.items() if not self._has(name, image)]
        if not missing:
            return "all real"
        if self.tells("image", "exists", STAND_IN):
            self._make_stand_in()
        self.env |= dict.fromkeys(missing, STAND_IN)
        return f"cannot be pulled, so Debian's packages stand in: {', '.join(IMAGES[name] for name in missing)}"

    def _has(self, name: str, image: str) -> bool:
        self.env[name] = image
        if not self.tells("image", "exists", image):
            return True
        return not attempt("timeout", str(PULL_SECONDS), self.podman, "pull", "-q", image, env=self.env)[0]

    def _make_stand_in(self) -> None:
        program("mmdebstrap", "deploy/verify/install installs it")
        code, told = attempt(ROOT / "deploy/verify/base", STAND_IN, env=self.env)
        if code:
            raise Skip(f"no image can be pulled, and none made of Debian's packages: {told.strip().splitlines()[-1]}")

    def build(self, source: Path, requirements: str, tag: str) -> str:
        """Its size."""
        revision = run("git", "rev-parse", "HEAD").strip()
        self(
            "build", "--pull=never", "--format", "docker", "--layers", "--build-arg", f"BASE={self.env['BASE']}",
            "--build-arg", f"REQUIREMENTS={requirements}", "--build-arg", f"REVISION={revision}", "-t", tag, source,
            seconds=1200,
        )  # fmt: skip
        return f"{int(self('image', 'inspect', tag, '--format', '{{.Size}}')) / 1e6:.0f} MB"

    def until_well(self, name: str, seconds: float = 60) -> None:
        """Asked here, since podman's own timers need systemd. Raises Wrong with its log."""
        end = time.monotonic() + seconds
        while self.tells("healthcheck", "run", name):
            if time.monotonic() > end:
                raise Wrong(f"{name} is not well after {seconds:.0f} s\n{self('logs', name)}")
            time.sleep(0.2)

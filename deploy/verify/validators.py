"""Everything that can be checked without running anything."""

import json
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from deploy.verify.report import Report, Wrong
from deploy.verify.shell import ROOT, attempt, program, run

DEPLOY = ROOT / "deploy"
DEMO = ("--env-file", "demo.env", "--profile", "demo", "--profile", "watch")
KUBERNETES = "1.32"
OVERLAYS = ("small", "highly-available")
TASTE = ("--disable-rule", "no-build-and-image")
PYPI = "make .venv/verify installs it"
DEBIAN = "deploy/verify/install installs it"


def validate(report: Report) -> None:
    for name, look in steps().items():
        report.step(name, look)


def steps() -> dict[str, Callable[[], str]]:
    """Each by its name; raises Skip where its program is missing, and Wrong."""
    return {
        "hadolint": _dockerfile,
        "compose schema": _compose_schema,
        "docker-compose config": _compose_config,
        "dclint": _compose_style,
        **{f"kustomize {overlay}": partial(_overlay, overlay) for overlay in OVERLAYS},
        "checkov": _policy,
        "promtool rules": _rules,
        "promtool tests": _rule_tests,
        "prometheus.yaml": _prometheus,
        "nginx -t": _nginx,
    }


def _compose_style() -> str:
    """Errors alone. An image may have a name and a way to be built: one command makes it, and others run it."""
    run(program("dclint", "npm install --global dclint, or make .venv/dclint"), DEPLOY / "compose.yaml", "-q", *TASTE)
    return "compose.yaml"


def _dockerfile() -> str:
    run(program("hadolint", PYPI), "Dockerfile")
    return "Dockerfile"


def _compose_schema() -> str:
    run(program("check-jsonschema", PYPI), "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose.yaml")
    return "compose.yaml"


def _compose_config() -> str:
    run(program("docker-compose", PYPI), *DEMO, "config", "-q", cwd=DEPLOY)
    return "compose.yaml with demo.env, profiles demo and watch"


def rendered(overlay: str) -> str:
    """The overlay's documents. Raises Skip where nothing renders it."""
    kubectl = program("kubectl", "install it, or kustomize")
    return run(kubectl, "kustomize", DEPLOY / "kubernetes/overlays" / overlay)


def _overlay(overlay: str) -> str:
    """Kinds that are no part of Kubernetes itself have no schema there."""
    documents = rendered(overlay).split("\n---\n")
    ours = [one for one in documents if "\napiVersion: keda.sh/" not in f"\n{one}"]
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        file.write("\n---\n".join(ours))
        file.flush()
        run(program("kubernetes-validate", PYPI), "-k", KUBERNETES, "--strict", file.name)
    others = f", {len(documents) - len(ours)} of KEDA's unchecked" if len(ours) < len(documents) else ""
    return f"{len(ours)} documents valid for Kubernetes {KUBERNETES}, strictly{others}"


def _policy() -> str:
    checkov = program("checkov", "make .venv/policy installs it (some 470 MB)")
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "k.yaml").write_text(rendered("highly-available"))
        Path(folder, "Dockerfile").write_text((ROOT / "Dockerfile").read_text())
        quiet = (
            "--compact",
            "--quiet",
            "--skip-download",
            "--output",
            "json",
            "--config-file",
            DEPLOY / "checkov.yaml",
        )
        _, told = attempt(checkov, "-d", folder, "--framework", "kubernetes", "dockerfile", *quiet)
    results = json.loads(told[told.index(next(c for c in told if c in "[{")) :])
    found = results if isinstance(results, list) else [results]
    failed = [one for part in found for one in part.get("results", {}).get("failed_checks", ())]
    if failed:
        raise Wrong("\n".join(sorted({f"{one['check_id']} {one['resource']}: {one['check_name']}" for one in failed})))
    return f"{sum(part['summary']['passed'] for part in found)} checks passed"


def _rules() -> str:
    return (
        run(program("promtool", DEBIAN), "check", "rules", DEPLOY / "prometheus/alerts.yaml").splitlines()[-1].strip()
    )


def _rule_tests() -> str:
    run(program("promtool", DEBIAN), "test", "rules", "alerts.test.yaml", cwd=DEPLOY / "prometheus")
    return "alerts.test.yaml"


def _prometheus() -> str:
    run(program("promtool", DEBIAN), "check", "config", DEPLOY / "prometheus/prometheus.yaml")
    return "prometheus.yaml"


def _nginx() -> str:
    nginx = program("nginx", DEBIAN)
    with tempfile.TemporaryDirectory() as folder:
        written_nginx(Path(folder), {"service-": "127.0.0."})
        for name in ("plain", "tls"):
            run(nginx, "-e", "stderr", "-t", "-c", f"{folder}/{name}.conf")
    return "plain.conf, tls.conf"


def written_nginx(folder: Path, changes: Mapping[str, str]) -> None:
    """nginx/*.conf in a folder, with what this machine has otherwise, and a certificate of the moment."""
    for file in (DEPLOY / "nginx").glob("*.conf"):
        text = file.read_text().replace("/run/tls/", f"{folder}/")
        for there, here in changes.items():
            text = text.replace(there, here)
        (folder / file.name).write_text(text)
    made = ("-keyout", folder / "key.pem", "-out", folder / "certificate.pem")
    openssl = program("openssl", "install it")
    run(openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "1", *made)

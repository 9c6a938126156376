"""What compose and Kubernetes are told, as far as it can be seen without either: `make verify` runs them."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tracker.settings import SECRETS, Settings

DEPLOY = Path(__file__).parents[2] / "deploy"
BASE = DEPLOY / "kubernetes/base"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
OURS = ("service-1", "service-2", "worker-1", "worker-2")
IN_FILES = [name for name in SECRETS if name != "queue_redis_url"]
"""The queue's Redis is the same here."""


def documents(folder: Path) -> list[dict[str, Any]]:
    """What a folder's `kustomization.yaml` lists of its own files."""
    listed = yaml.safe_load((folder / "kustomization.yaml").read_text("utf-8"))["resources"]
    files = [folder / name for name in listed if not name.startswith("..")]
    return [one for file in files for one in yaml.safe_load_all(file.read_text("utf-8"))]


def deployments() -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one["spec"] for one in documents(BASE) if one["kind"] == "Deployment"}


@pytest.mark.parametrize("name", ["service", "worker"])
def test_a_pod_has_no_right_that_it_does_not_need(name: str) -> None:
    """Nobody, read-only, without capabilities or a token of Kubernetes', and bounded."""
    pod = deployments()[name]["template"]["spec"]
    [container] = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "readOnlyRootFilesystem": True, "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    assert {"startupProbe", "livenessProbe", "readinessProbe"} <= set(container)
    assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("name", ["service", "worker"])
def test_a_pod_reads_each_secret_from_a_file(name: str) -> None:
    """All that may lie in one."""
    [container] = deployments()[name]["template"]["spec"]["containers"]
    files = [one for one in container["env"] if one["name"].endswith("_FILE")]
    told = {one["name"]: one["value"].rpartition("/")[2] for one in files}
    assert told == {f"{name.upper()}_FILE": name for name in IN_FILES}


def test_what_scales_and_what_is_kept_are_deployments_that_there_are() -> None:
    """By name and by label."""
    known = {name: spec["selector"]["matchLabels"] for name, spec in deployments().items()}
    for one in documents(DEPLOY / "kubernetes/overlays/highly-available"):
        if one["kind"] == "PodDisruptionBudget":
            assert one["spec"]["selector"]["matchLabels"] == known[one["metadata"]["name"]]
        else:
            assert one["spec"]["scaleTargetRef"]["name"] in known


@pytest.mark.parametrize("overlay", ["small", "highly-available"])
def test_an_overlay_sets_what_there_is_to_set(overlay: str) -> None:
    """Settings by their name; uvicorn's own is the one beside them."""
    text = (DEPLOY / "kubernetes/overlays" / overlay / "settings.env").read_text("utf-8")
    assert {name.lower() for name in re.findall(r"(?m)^(\w+)=", text)} <= {
        *Settings.model_fields,
        "forwarded_allow_ips",
    }


def test_the_ingress_does_not_pass_metrics_on() -> None:
    """`/` leads to the dashboard's first page alone."""
    [ingress] = [one for one in documents(BASE) if one["kind"] == "Ingress"]
    paths = {path["path"]: path["pathType"] for path in ingress["spec"]["rules"][0]["http"]["paths"]}
    assert paths["/"] == "Exact"
    assert {"/webhooks/apiframe", "/v1"} <= set(paths)
    assert not any("/metrics".startswith(path) for path in paths if path != "/")


def test_every_container_of_compose_is_locked_down() -> None:
    """Ours, and those beside it."""
    for name, service in COMPOSE["services"].items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ())), name


@pytest.mark.parametrize("name", OURS)
def test_ours_read_each_secret_from_a_file(name: str) -> None:
    """Which compose mounts, and the demo has."""
    service = COMPOSE["services"][name]
    assert {f"{name.upper()}_FILE": f"/run/secrets/{name}" for name in IN_FILES}.items() <= service[
        "environment"
    ].items()
    assert set(service["secrets"]) == set(IN_FILES)
    assert all((DEPLOY / "demo" / secret).exists() for secret in COMPOSE["secrets"])

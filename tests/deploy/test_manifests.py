"""What compose and Kubernetes are told, as far as it can be seen without either: `make verify` runs them."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tracker.settings import SECRETS, Settings

DEPLOY = Path(__file__).parents[2] / "deploy"
BASE = DEPLOY / "kubernetes/base"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
HIGHLY_AVAILABLE = DEPLOY / "kubernetes/overlays/highly-available"
OURS = ("service-1", "service-2", "worker-1", "worker-2", "more-workers")
GB = {"mb": 1 / 1000, "gb": 1, "m": 1 / 1000, "g": 1}
IN_FILES = [name for name in SECRETS if name != "queue_redis_url"]
"""The queue's Redis is the same here."""


NAME = "app.kubernetes.io/name"
KUBECTL = pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")


def documents(folder: Path) -> list[dict[str, Any]]:
    """What a folder's `kustomization.yaml` lists of its own files."""
    listed = yaml.safe_load((folder / "kustomization.yaml").read_text("utf-8"))["resources"]
    files = [folder / name for name in listed if not name.startswith("..")]
    return [one for file in files for one in yaml.safe_load_all(file.read_text("utf-8"))]


def rendered(folder: Path) -> list[dict[str, Any]]:
    """As Kustomize makes them, with what it adds."""
    made = subprocess.run(["kubectl", "kustomize", folder], check=True, capture_output=True, text=True).stdout
    return list(yaml.safe_load_all(made))


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
    assert paths["/readyz"] == "Exact", "doctor asks PUBLIC_URL for it"
    assert not any("/metrics".startswith(path) for path in paths if path != "/")


@pytest.mark.parametrize("name", ["service", "worker"])
def test_pods_are_not_kept_waiting_by_a_node_that_takes_none(name: str) -> None:
    """A cordoned one is otherwise counted as the emptiest."""
    [patch] = yaml.safe_load_all((HIGHLY_AVAILABLE / f"spread-{name}.yaml").read_text("utf-8"))
    rules = patch["spec"]["template"]["spec"]["topologySpreadConstraints"]
    assert [one["nodeTaintsPolicy"] for one in rules] == ["Honor"] * len(rules) == ["Honor", "Honor"]


@KUBECTL
def test_policies_hold_for_our_pods_and_let_them_ask_for_names() -> None:
    """What else is in the namespace has policies of its own; and of the DNS nobody expects our label."""
    policies = [one for one in rendered(BASE) if one["kind"] == "NetworkPolicy"]
    assert all(one["spec"]["podSelector"]["matchLabels"][NAME] == "inpaint-tracker" for one in policies)
    rules = [rule for one in policies for rule in one["spec"].get("egress", ())]
    [dns] = [rule["to"] for rule in rules if rule["ports"][0]["port"] == 53]
    assert dns[0]["podSelector"] == {"matchExpressions": [{"key": "k8s-app", "operator": "In", "values": ["kube-dns"]}]}
    assert dns[1] == {"ipBlock": {"cidr": "169.254.20.10/32"}}


@pytest.mark.parametrize("name", ["service", "worker"])
def test_prometheus_is_told_where_a_pod_has_its_metrics(name: str) -> None:
    """The annotation's port is one that the container has."""
    template = deployments()[name]["template"]
    [port] = template["spec"]["containers"][0]["ports"]
    assert template["metadata"]["annotations"] == {
        "prometheus.io/scrape": "true", "prometheus.io/port": str(port["containerPort"]),
    }  # fmt: skip


@KUBECTL
def test_the_operators_jobs_have_the_names_that_alerts_ask_for(tmp_path: Path) -> None:
    """And their pods and ports are there."""
    (tmp_path / "kustomization.yaml").write_text(
        f"resources: [{os.path.relpath(HIGHLY_AVAILABLE, tmp_path)}]\n"
        f"components: [{os.path.relpath(DEPLOY / 'kubernetes/components/prometheus-operator', tmp_path)}]\n"
    )
    made = rendered(tmp_path)
    pods = [one["spec"]["template"] for one in made if one["kind"] == "Deployment"]
    found = {}
    for monitor in (one["spec"] for one in made if one["kind"] == "PodMonitor"):
        [pod] = [one for one in pods if monitor["selector"]["matchLabels"].items() <= one["metadata"]["labels"].items()]
        [end] = monitor["podMetricsEndpoints"]
        assert end["port"] in {port["name"] for port in pod["spec"]["containers"][0]["ports"]}
        [label] = end["relabelings"]
        assert label["targetLabel"] == "job"
        found[label["replacement"]] = pod["metadata"]["labels"]["app.kubernetes.io/component"]
    assert found == {"inpaint-tracker": "service", "inpaint-tracker-worker": "worker"}
    alerts = (DEPLOY / "prometheus/alerts.yaml").read_text("utf-8")
    assert set(re.findall(r'\bjob="([^"]+)"', alerts)) == set(found)


def test_every_container_of_compose_is_locked_down() -> None:
    """Ours, and those beside it."""
    for name, service in COMPOSE["services"].items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ())), name


def test_redis_is_full_before_its_container_is() -> None:
    """Twice, for a rewrite of the append-only file; and it may read its file before anybody calls it unwell."""
    redis = COMPOSE["services"]["redis"]
    [(most, unit)] = re.findall(r"--maxmemory \$\{REDIS_MAXMEMORY:-(\d+)(\w+)\}", redis["command"][-1])
    [(limit, its)] = re.findall(r"\$\{REDIS_MEMORY:-(\d+)(\w+)\}", redis["mem_limit"])
    assert 2 * int(most) * GB[unit] <= int(limit) * GB[its]
    assert redis["healthcheck"]["start_period"] == "10m"


def test_prometheus_asks_each_container_of_ours_for_itself() -> None:
    """By the name of one, or by each address of those that there may be several of."""
    jobs = yaml.safe_load((DEPLOY / "prometheus/prometheus.yaml").read_text("utf-8"))["scrape_configs"]
    alone = {target for job in jobs for group in job["static_configs"] for target in group["targets"]}
    several = {
        f"{name}:{one['port']}" for job in jobs for one in job.get("dns_sd_configs", ()) for name in one["names"]
    }
    scaled = {name for name in OURS if "replicas" in COMPOSE["services"][name].get("deploy", {})}
    ports = {name: 8000 if name.startswith("service") else 9464 for name in OURS}
    assert several == {f"{name}:{ports[name]}" for name in scaled}
    assert alone == {f"{name}:{ports[name]}" for name in OURS if name not in scaled}


def test_the_proxy_is_told_to_read_its_certificate_anew_by_the_file_that_it_runs_with() -> None:
    """Another has another pid file."""
    entry = " ".join(COMPOSE["services"]["proxy"]["entrypoint"]).replace("${PROXY:-plain}", "tls").split(" -g ")[0]
    page = (DEPLOY.parent / "docs/operations.md").read_text("utf-8")
    assert f"docker compose exec proxy {entry} -s reload" in page


@pytest.mark.parametrize("name", OURS)
def test_ours_read_each_secret_from_a_file(name: str) -> None:
    """Which compose mounts, and the demo has."""
    service = COMPOSE["services"][name]
    assert {f"{name.upper()}_FILE": f"/run/secrets/{name}" for name in IN_FILES}.items() <= service[
        "environment"
    ].items()
    assert set(service["secrets"]) == set(IN_FILES)
    assert all((DEPLOY / "demo" / secret).exists() for secret in COMPOSE["secrets"])

"""Alerts, dashboard and runbook speak of metrics that /metrics has, and of each other."""

import asyncio
import json
import re
import shutil
from asyncio.subprocess import PIPE, STDOUT
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from service.metrics import Metrics
from tests.door import door, key, settings_for, submission
from tracker.clock import utc_now
from tracker.job import Status
from tracker.store.gauges import Gauges
from tracker.store.stats import Figures

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
RULES = yaml.safe_load((DEPLOY / "prometheus/alerts.yaml").read_text("utf-8"))["groups"][0]["rules"]
DASHBOARD = json.loads((DEPLOY / "grafana/dashboards/inpaint-tracker.json").read_text("utf-8"))
SCALING = DEPLOY / "kubernetes/overlays/highly-available/scaling.yaml"
SETTINGS = settings_for("redis://127.0.0.1")
FIGURES = Figures(
    jobs={Status.PENDING: 1}, in_flight=0, oldest_in_flight=None, queued={"editor": 1}, webhooks=[], settled={},
    ended={}, durations={}, credits=[],
)  # fmt: skip
FULL = Gauges(
    FIGURES, {}, mask_bytes=9, paused=False, quarantined=0, oldest={Status.PENDING: utc_now()}, condition=None
)
GIVEN = {"job", "instance", "le"}
"""Labels that Prometheus adds, or a histogram has."""


def queries() -> Iterator[str]:
    yield from (rule["expr"] for rule in RULES)
    yield from (target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"])
    if SCALING.exists():
        yield SCALING.read_text("utf-8")


def names(query: str) -> set[str]:
    return set(re.findall(r"\btracker_\w+", query))


def labels() -> dict[str, set[str]]:
    """By family, as declared; most counters have no sample before something has happened."""
    found: dict[str, set[str]] = {}
    metrics = Metrics(SETTINGS)
    metrics.render(FULL, has_worker=True)
    for collector in metrics._registry._collector_to_names:
        for family in collector.collect():
            declared = getattr(collector, "_labelnames", ()) or getattr(family, "_labelnames", ())
            sampled = {label for sample in family.samples for label in sample.labels}
            found[family.name] = {*declared, *sampled}
    return found


def family(name: str) -> str:
    return name.removesuffix("_bucket").removesuffix("_total")


def told_by(text: str) -> set[str]:
    return set(re.findall(r"(?m)^# TYPE (\w+)", text)) | set(re.findall(r"(?m)^(tracker_\w+)", text))


@pytest.mark.usefixtures("redis")
async def test_every_query_asks_for_metrics_that_there_are(redis_url: str) -> None:
    """As a running service exposes them, also one that has done nothing yet, with one job that waits."""
    async with door(settings_for(redis_url)) as client:
        await client.post("/v1/jobs", json=submission(), headers=key("editor"))
        text = (await client.get("/metrics")).text
    asked = set().union(*map(names, queries()))
    assert len(asked) > 20
    assert {name.removesuffix("_bucket") for name in asked} - told_by(text) == set()
    held = {family.name for family in text_string_to_metric_families(text) if family.samples}
    assert "tracker_jobs" in held, "TrackerRedisAway takes it for granted that an empty Redis shows jobs, too"


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed: apt-get install prometheus")
@pytest.mark.usefixtures("redis")
async def test_names_and_units_are_as_prometheus_wants_them(redis_url: str) -> None:
    async with door(settings_for(redis_url)) as client:
        await client.post("/v1/jobs", json=submission(), headers=key("editor"))
        text = (await client.get("/metrics")).content
    promtool = await asyncio.create_subprocess_exec(
        "promtool", "check", "metrics", stdin=PIPE, stdout=PIPE, stderr=STDOUT
    )
    said, _ = await promtool.communicate(text)
    assert (promtool.returncode, said) == (0, b"")


def test_every_query_names_labels_that_there_are() -> None:
    """In braces behind a metric, and in `by` of a query that asks for one metric alone."""
    known = labels()
    for query in queries():
        for name, inner in re.findall(r"\b(tracker_\w+)\{([^}]*)\}", query):
            assert set(re.findall(r"(\w+)\s*[!=]=?~?", inner)) <= known[family(name)] | GIVEN, query
        if len(asked := names(query)) == 1:
            by = {label for group in re.findall(r"by \(([^)]*)\)", query) for label in group.split(", ")}
            assert by <= known[family(asked.pop())] | GIVEN, query


def test_every_alert_has_its_page_and_its_test() -> None:
    """And no page is of an alert that there is not."""
    alerts = [rule["alert"] for rule in RULES]
    pages = re.findall(r"(?m)^## (Tracker\w+)$", (ROOT / "docs/runbook.md").read_text("utf-8"))
    tests = (DEPLOY / "prometheus/alerts.test.yaml").read_text("utf-8")
    assert pages == alerts
    assert set(re.findall(r'alertname="(\w+)"', tests)) == set(alerts)


def test_each_alert_says_what_is_wrong_and_how_urgent_it_is() -> None:
    """`page` wakes somebody, `ticket` waits for the morning."""
    for rule in RULES:
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"].endswith(".")
        assert rule["annotations"]["runbook"].endswith(f"docs/runbook.md#{rule['alert'].lower()}")


def test_the_dashboard_asks_the_provisioned_source() -> None:
    """And every panel has a number and a place of its own."""
    [source] = yaml.safe_load((DEPLOY / "grafana/provisioning/datasources/prometheus.yaml").read_text())["datasources"]
    panels: list[dict[str, Any]] = DASHBOARD["panels"]
    assert {panel["datasource"]["uid"] for panel in panels} == {source["uid"]}
    assert len({panel["id"] for panel in panels}) == len({str(panel["gridPos"]) for panel in panels}) == len(panels)

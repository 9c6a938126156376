"""Prometheus in the stack of compose, and what Grafana would ask it."""

import json
import time

import httpx

from deploy.verify.report import Wrong
from deploy.verify.shell import ROOT
from deploy.verify.stack import ROLLED

PROMETHEUS = "http://127.0.0.1:19090"
DASHBOARD = ROOT / "deploy/grafana/dashboards/inpaint-tracker.json"


def watched() -> str:
    """Prometheus scrapes services and workers, and knows our rules; nothing is wrong enough for one to fire."""
    with httpx.Client(base_url=PROMETHEUS, timeout=5) as http:
        end = time.monotonic() + 60
        while (health := _targets(http)) != ["up"] * len(ROLLED):
            if time.monotonic() > end:
                raise Wrong(f"targets: {health}")
            time.sleep(1)
        groups = http.get("/api/v1/rules").json()["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    firing = [rule["name"] for rule in rules if rule["state"] == "firing"]
    if firing:
        raise Wrong(f"firing: {firing}")
    return f"{len(health)} targets up, {len(rules)} rules, none fires"


def drawn() -> str:
    """Grafana's part: Prometheus answers what each panel asks. Some ask for what has not happened here, and a rate
    needs two looks at a process, of which each was started anew a moment ago."""
    queries, end = _queries(), time.monotonic() + 60
    with httpx.Client(base_url=PROMETHEUS, timeout=5) as http:
        while len(empty := [query for query in queries if not _answer(http, query)]) > len(queries) / 4:
            if time.monotonic() > end:
                raise Wrong("nothing to draw:\n" + "\n".join(empty))
            time.sleep(1)
    return f"{len(queries)} queries answered, {len(empty)} of them with nothing to draw yet; Grafana is not started"


def _queries() -> list[str]:
    panels = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    return [target["expr"].replace("$__rate_interval", "1m") for panel in panels for target in panel["targets"]]


def _answer(http: httpx.Client, query: str) -> list[object]:
    told = http.get("/api/v1/query", params={"query": query}).json()
    if told["status"] != "success":
        raise Wrong(f"{query}: {told['error']}")
    series: list[object] = told["data"]["result"]
    return series


def _targets(http: httpx.Client) -> list[str]:
    try:
        active = http.get("/api/v1/targets?state=active").json()["data"]["activeTargets"]
    except httpx.TransportError:
        return []
    return [target["health"] for target in active]

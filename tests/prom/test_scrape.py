"""The examples of what to scrape: a real Prometheus finds exactly the pods that it should."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from bed.processes import wait_until
from dashboards.queries import filled
from metrics.names import metrics_of
from prom.server import Server
from prom.test_alerts import RULES
from prom.test_dashboards import DASHBOARDS
from support.repository import ROOT

FOLDER = ROOT / "examples" / "monitoring"
GOLDEN = ROOT / "tests" / "golden"
WAIT_S = 120.0
OPERATOR = {"app.kubernetes.io/name": "cosmos3-operator"}
STRANGER = {"app.kubernetes.io/name": "vllm", "app.kubernetes.io/component": "reasoner"}

Labels = Mapping[str, str]


def _read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((FOLDER / name).read_text("utf-8"))
    return found


def _pod(case: str, kind: str = "Deployment") -> dict[str, Any]:
    """Return the pod that a golden case makes."""
    bodies = yaml.safe_load_all((GOLDEN / case / "manifests.yaml").read_text("utf-8"))
    pod: dict[str, Any] = next(body for body in bodies if body["kind"] == kind)["spec"]["template"]
    return pod


def _labels(case: str, kind: str = "Deployment") -> Labels:
    labels: Labels = _pod(case, kind)["metadata"]["labels"]
    return labels


def _as_discovered(name: str, labels: Labels) -> dict[str, Any]:
    """Return what Prometheus' own discovery would say of a pod."""
    found = {f"label_{re.sub(r'[^a-zA-Z0-9_]', '_', key)}": value for key, value in labels.items()}
    found |= {"name": name, "container_port_name": "http"}
    meta = {f"__meta_kubernetes_pod_{key}": value for key, value in found.items()}
    return {"targets": [f"{name}:1"], "labels": {"__meta_kubernetes_namespace": "n", **meta}}


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Labels]:
    """What the example's Prometheus makes of five pods, by the pods' names."""
    pods = [
        _as_discovered("operator", OPERATOR),
        _as_discovered("generator", _labels("cosmosgenerator")),
        _as_discovered("reasoner", _labels("cosmosreasoner")),
        _as_discovered("access", _labels("access-required", "Job")),
        _as_discovered("stranger", STRANGER),
    ]
    config = _read("prometheus.yaml")
    del config["rule_files"]
    for job in config["scrape_configs"]:
        # Debian builds Prometheus without the discovery of Kubernetes; what follows it is the same.
        assert job.pop("kubernetes_sd_configs") == [{"role": "pod"}]
        job["static_configs"] = pods
    data = tmp_path_factory.mktemp("prometheus") / "data"
    data.mkdir()
    with Server(data, config=yaml.safe_dump(config)) as server:
        assert wait_until(lambda: len(server.targets()) >= 3, WAIT_S)
        return {one["pod"]: one for one in server.targets()}


def test_the_operator_and_the_servers_are_scraped_and_nobody_else(
    targets: dict[str, Labels],
) -> None:
    assert {name: one["job"] for name, one in targets.items()} == {
        "operator": "cosmos3-operator",
        "generator": "cosmos3-servers",
        "reasoner": "cosmos3-servers",
    }


def test_servers_carry_the_labels_that_rules_ask_for(targets: dict[str, Labels]) -> None:
    for name, case, kind in (
        ("generator", "cosmosgenerator", "CosmosGenerator"),
        ("reasoner", "cosmosreasoner", "CosmosReasoner"),
    ):
        instance = _labels(case)["app.kubernetes.io/instance"]
        one = targets[name]
        assert (one["namespace"], one["cosmos_name"], one["cosmos_kind"]) == ("n", instance, kind)


def test_the_operators_namespace_label_is_left_as_it_is() -> None:
    job = _read("prometheus.yaml")["scrape_configs"][0]
    endpoint = _read("servicemonitor-operator.yaml")["spec"]["endpoints"][0]
    assert job["honor_labels"] is True
    assert endpoint["honorLabels"] is True


def test_the_pod_monitor_says_the_same_as_the_configuration() -> None:
    monitor = _read("podmonitor-servers.yaml")["spec"]["podMetricsEndpoints"][0]
    job = _read("prometheus.yaml")["scrape_configs"][1]
    ours = [one for one in job["relabel_configs"] if one.get("target_label", "").startswith("cos")]
    assert [_plain(one) for one in monitor["relabelings"]] == ours
    assert [_plain(one) for one in monitor["metricRelabelings"]] == job["metric_relabel_configs"]


def _plain(relabeling: Mapping[str, Any]) -> dict[str, Any]:
    """Write a relabeling as Prometheus itself spells it."""
    names = {"sourceLabels": "source_labels", "targetLabel": "target_label"}
    return {names.get(key, key): value for key, value in relabeling.items()}


@pytest.mark.parametrize("case", ["cosmosgenerator", "cosmosreasoner"])
def test_the_pod_monitor_selects_servers_by_labels_and_a_port_that_they_have(case: str) -> None:
    spec, pod = _read("podmonitor-servers.yaml")["spec"], _pod(case)
    labels = pod["metadata"]["labels"]
    assert spec["selector"]["matchLabels"].items() <= labels.items()
    (wanted,) = spec["selector"]["matchExpressions"]
    assert labels[wanted["key"]] in wanted["values"]
    access = _labels("access-required", "Job")
    assert access[wanted["key"]] not in wanted["values"]
    ports = {port["name"] for port in pod["spec"]["containers"][0]["ports"]}
    assert {one["port"] for one in spec["podMetricsEndpoints"]} <= ports


def test_nothing_is_dropped_that_rules_or_panels_read() -> None:
    endpoint = _read("podmonitor-servers.yaml")["spec"]["podMetricsEndpoints"][0]
    (dropping,) = endpoint["metricRelabelings"]
    queries = [
        filled(dashboard, query.expr)
        for dashboard in DASHBOARDS.values()
        for panel in dashboard.panels
        for query in panel.queries
    ]
    read = {metric for expr in queries for metric in metrics_of(expr)}
    read |= {metric for rule in RULES for metric in metrics_of(rule["expr"])}
    assert [metric for metric in read if re.fullmatch(dropping["regex"], metric)] == []

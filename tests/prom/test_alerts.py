"""Alerts and their runbooks: complete, one for one, and about metrics that exist."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml

from cosmos3_operator.api.conditions import ConditionType, Reason
from cosmos3_operator.api.resource import Kind
from cosmos3_operator.serve.families import FAMILIES
from cosmos3_operator.serve.metrics import NAME, NO_ANSWER, controller_of
from metrics.names import labels_of, metrics_of, recorded, series_of
from prom.test_rules import ALERTS
from support.repository import ROOT

RUNBOOKS = ROOT / "docs" / "runbooks"
SCRAPE = {"job", "instance", "namespace", "pod", "cosmos_name", "cosmos_kind"}
"""Labels that a scrape adds (docs/dashboards.md)."""
SERVERS = {"model_name", "handler", "method", "status", "le", "finished_reason", "reason"}
RECORDED_LABELS = {"gauges", "blocks", "asked"}
SECTIONS = ["What it means", "Impact", "First", "Causes", "Resolve", "Silence"]
SEVERITIES = {"info", "warning", "critical"}


def _all() -> Iterator[dict[str, Any]]:
    for file in ALERTS:
        for group in yaml.safe_load(file.read_text("utf-8"))["groups"]:
            yield from group["rules"]


RULES = list(_all())
RECORDING = {rule["record"] for rule in RULES if "record" in rule}
FIRING = {rule["alert"]: rule for rule in RULES if "alert" in rule}
EXISTING = {
    *RECORDING,
    *(series for name, one in FAMILIES.items() for series in series_of(name, one.type)),
    *(name for names in recorded().values() for name in names),
    "up",
}


@pytest.mark.parametrize("name", FIRING)
def test_an_alert_says_how_bad_it_is_and_what_to_do(name: str) -> None:
    rule = FIRING[name]
    assert set(rule["labels"]) == {"severity"}
    assert rule["labels"]["severity"] in SEVERITIES
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    assert rule["annotations"]["runbook_url"] == f"DOCS_URL/runbooks/{name}.md"
    assert not rule["annotations"]["summary"].endswith(".")
    assert rule["annotations"]["description"].endswith(".")


def test_every_alert_has_a_runbook_and_every_runbook_an_alert() -> None:
    pages = {path.stem for path in RUNBOOKS.glob("*.md")} - {"README"}
    assert pages == set(FIRING)
    index = (RUNBOOKS / "README.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| \[(\w+)\]\(\1\.md\) \| (\w+) \|$", index, re.MULTILINE))
    assert rows == {name: rule["labels"]["severity"] for name, rule in FIRING.items()}


@pytest.mark.parametrize("name", FIRING)
def test_a_runbook_has_every_section_and_the_right_severity(name: str) -> None:
    page = (RUNBOOKS / f"{name}.md").read_text("utf-8")
    rule = FIRING[name]
    when = f"after {rule['for']}" if "for" in rule else "at once"
    assert page.startswith(f"# {name}\n\nSeverity: {rule['labels']['severity']}, {when}.\n")
    assert re.findall(r"^## (.+)$", page, re.MULTILINE) == SECTIONS
    first = page.partition("## First\n")[2].partition("## Causes")[0]
    blocks = re.findall(r"```\w+\n(.*?)```", first, re.DOTALL)
    assert len([line for block in blocks for line in block.splitlines()]) == 3


@pytest.mark.parametrize("name", FIRING)
def test_what_a_runbook_types_and_links_to_exists(name: str) -> None:
    page = (RUNBOOKS / f"{name}.md").read_text("utf-8")
    for query in re.findall(r"```promql\n(.*?)```", page, re.DOTALL):
        assert {metric for line in query.splitlines() for metric in metrics_of(line)} <= EXISTING
    links = re.findall(r"\]\(([^)#]+)", page)
    reasons = {link for link in links if link.startswith("../reasons/")}
    assert {link[11:-3] for link in reasons} <= {str(reason) for reason in Reason}
    assert [x for x in links if x not in reasons and not (RUNBOOKS / x).exists()] == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.get("alert") or rule["record"])
def test_every_metric_that_a_rule_reads_exists(rule: Mapping[str, Any]) -> None:
    assert metrics_of(rule["expr"]) - EXISTING == set()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.get("alert") or rule["record"])
def test_every_label_that_a_rule_reads_exists(rule: Mapping[str, Any]) -> None:
    ours = {label for one in FAMILIES.values() for label in one.labels}
    assert labels_of(rule["expr"]) - ours - SCRAPE - SERVERS - RECORDED_LABELS == set()


VALUES = {
    "kind": {str(kind) for kind in Kind},
    "controller": {controller_of(kind) for kind in Kind},
    "condition": {str(type_) for type_ in ConditionType},
    "reason": {str(reason) for reason in Reason},
    "name": {NAME},
    "code": {NO_ANSWER, "401", "403", "429", "5.."},
}
"""What the operator's labels can say, as far as rules and panels name it."""


def test_what_rules_and_panels_compare_labels_with_can_happen() -> None:
    panels = (ROOT / "docs" / "dashboards").glob("*.yaml")
    texts = [rule["expr"] for rule in RULES] + [path.read_text("utf-8") for path in panels]
    named: dict[str, set[str]] = {label: set() for label in VALUES}
    for label, values in re.findall(r'(\w+)\s*(?:=~|!~|!=|=)\s*"([^"$]+)"', "\n".join(texts)):
        if label in named:
            named[label] |= set(values.split("|"))
    assert {label: values - VALUES[label] for label, values in named.items()} == {
        label: set() for label in VALUES
    }
    assert all(named.values())


def test_no_alert_reads_gauges_that_come_late() -> None:
    gauges = {"num_requests_running", "num_requests_waiting"}
    raw = {f"{prefix}{gauge}" for prefix in ("vllm_omni:", "vllm:omni_") for gauge in gauges}
    assert [name for name, rule in FIRING.items() if metrics_of(rule["expr"]) & raw] == []
    # What stuck reads of a late one is only that it is there.
    text = FIRING["Cosmos3GeneratorStuck"]["expr"]
    assert (
        text.count('and on (namespace, pod) cosmos3:generator_requests_running{gauges="late"}') == 1
    )
    late = [name for name, rule in FIRING.items() if "late" in rule["expr"]]
    assert late == ["Cosmos3GeneratorStuck"]


def test_nobody_is_late_before_the_longest_start_is_over() -> None:
    longest = {"CosmosGenerator": 0, "CosmosReasoner": 0}
    for file in (ROOT / "tests" / "golden").glob("*/manifests.yaml"):
        for body in yaml.safe_load_all(file.read_text("utf-8")):
            if body and body["kind"] == "Deployment":
                kind = body["metadata"]["ownerReferences"][0]["kind"]
                seconds = body["spec"]["progressDeadlineSeconds"]
                longest[kind] = max(longest[kind], seconds)
    text = FIRING["Cosmos3ResourceNotReady"]["expr"]
    allowed = dict(re.findall(r'kind="(\w+)"\}\) > (\d+)', text))
    assert {kind: int(allowed[kind]) >= seconds for kind, seconds in longest.items()} == {
        "CosmosGenerator": True,
        "CosmosReasoner": True,
    }
    held = int(FIRING["Cosmos3GPUsHeldNotServing"]["for"].removesuffix("m")) * 60
    assert held >= max(longest.values())

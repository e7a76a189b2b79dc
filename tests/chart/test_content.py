"""What the chart makes, looked at where a golden file would not show a mistake."""

from __future__ import annotations

import json
import re
import shutil
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from cosmos3_operator.cli.main import main
from cosmos3_operator.reconcile.permissions import Setup, asks
from support.chart_cases import CASES, values_of
from support.helm import CHART, NAMESPACE, RELEASE, Helm
from support.repository import ROOT

DOCS_URL = "https://docs.example.com/cosmos3"
RULE_FILES = sorted(path.stem for path in (CHART / "alerts").glob("*.yaml"))
DASHBOARDS = sorted((CHART / "dashboards").glob("*.json"))
LEASE = RELEASE

Object = dict[str, Any]


def of_kind(objects: Iterable[Object], kind: str) -> list[Object]:
    return [found for found in objects if found["kind"] == kind]


def pod_of(objects: Iterable[Object]) -> Object:
    (deployment,) = of_kind(objects, "Deployment")
    pod: Object = deployment["spec"]["template"]["spec"]
    return pod


def parsed(arguments: list[str]) -> dict[str, Any]:
    """Read arguments with the commands' own parser, and run nothing."""
    with click.Context(main) as group:
        name, command, rest = main.resolve_command(group, list(arguments))
        assert name is not None
        assert command is not None
        return command.make_context(name, rest, parent=group).params


@pytest.mark.parametrize("case", CASES)
def test_the_command_line_takes_the_arguments(helm: Helm, case: str) -> None:
    values, objects = values_of(case), helm.render(values_of(case))
    params = parsed(pod_of(objects)["containers"][0]["args"])
    assert params["elect"] is True
    assert params["namespaces"] == tuple(values.get("watchNamespaces", ()))
    assert params["pod_logs"] is values.get("podLogs", True)
    for pod in of_kind(objects, "Pod"):
        asked = parsed(pod["spec"]["containers"][0]["args"])
        if not asked["tries_resources"]:
            same = ("elect", "lease_name", "namespaces", "pod_logs")
            assert {name: asked[name] for name in same} == {name: params[name] for name in same}


@pytest.mark.parametrize("namespaces", [[], ["team-a", "team-b"]], ids=["cluster", "namespaces"])
@pytest.mark.parametrize("pod_logs", [True, False], ids=["logs", "no-logs"])
def test_the_roles_permit_what_check_asks_for_and_nothing_else(
    helm: Helm, namespaces: list[str], pod_logs: bool
) -> None:
    rbac = {"clusterReads": True, "aggregate": False}
    values = {"watchNamespaces": namespaces, "podLogs": pod_logs, "rbac": rbac}
    setup = Setup(
        namespaces=tuple(namespaces),
        pod_logs=pod_logs,
        lease_namespace=NAMESPACE,
        lease_name=LEASE,
    )
    asked = {(ask.namespace, ask.group, ask.resource, ask.verb, ask.name) for _, ask in asks(setup)}
    objects = helm.render(values | {"helmTest": {"enabled": False}})
    assert granted(objects) == asked


def granted(objects: Iterable[Object]) -> set[tuple[str, ...]]:
    return {
        (role["metadata"].get("namespace", ""), group, resource, verb, name)
        for role in objects
        if role["kind"] in ("ClusterRole", "Role")
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        for name in rule.get("resourceNames", [""])
    }


@pytest.mark.parametrize("case", CASES)
def test_selectors_find_the_operators_pods_and_no_other(helm: Helm, case: str) -> None:
    objects = helm.render(values_of(case))
    (deployment,) = of_kind(objects, "Deployment")
    operator = deployment["spec"]["template"]["metadata"]["labels"]
    selectors = [deployment["spec"]["selector"]["matchLabels"]]
    selectors += [found["spec"]["selector"] for found in of_kind(objects, "Service")]
    selectors += [
        found["spec"]["selector"]["matchLabels"]
        for found in of_kind(objects, "PodDisruptionBudget")
    ]
    for selector in selectors:
        assert selector.items() <= operator.items()
        for pod in of_kind(objects, "Pod"):
            assert not selector.items() <= pod["metadata"]["labels"].items()
    for monitor in of_kind(objects, "ServiceMonitor"):
        wanted = monitor["spec"]["selector"]["matchLabels"].items()
        (service,) = of_kind(objects, "Service")
        assert wanted <= service["metadata"]["labels"].items()
        ports = {port["name"] for port in service["spec"]["ports"]}
        assert {one["port"] for one in monitor["spec"]["endpoints"]} <= ports


def test_common_labels_and_annotations_are_on_every_object(helm: Helm) -> None:
    values = values_of("everything")
    for found in helm.render(values | {"extraObjects": []}):
        metadata = found["metadata"]
        assert values["commonLabels"].items() <= metadata["labels"].items(), metadata["name"]
        assert values["commonAnnotations"].items() <= metadata["annotations"].items()


@pytest.mark.parametrize("name", RULE_FILES)
@pytest.mark.parametrize("url", [DOCS_URL, ""])
def test_rules_are_those_of_the_files(helm: Helm, name: str, url: str) -> None:
    rule = {"enabled": True, "groups": [name]}
    objects = helm.render({"monitoring": {"docsUrl": url, "prometheusRule": rule}})
    (found,) = of_kind(objects, "PrometheusRule")
    text = (CHART / "alerts" / f"{name}.yaml").read_text("utf-8")
    expected = yaml.safe_load(text.replace("DOCS_URL", url or "docs"))["groups"]
    for group in expected:
        for entry in group["rules"]:
            if not url and "alert" in entry:
                del entry["annotations"]["runbook_url"]
    assert found["spec"]["groups"] == expected


def test_an_alert_can_be_left_out_and_all_can_be_labelled(helm: Helm) -> None:
    rule = {
        "enabled": True,
        "exclude": ["Cosmos3OperatorDown"],
        "alertLabels": {"team": "a", "severity": "page"},
    }
    objects = helm.render({"monitoring": {"prometheusRule": rule}})
    rules = [
        entry
        for found in of_kind(objects, "PrometheusRule")
        for group in found["spec"]["groups"]
        for entry in group["rules"]
    ]
    alerts = {entry["alert"]: entry["labels"] for entry in rules if "alert" in entry}
    assert "Cosmos3OperatorNotReady" in alerts
    assert "Cosmos3OperatorDown" not in alerts
    assert {labels["team"] for labels in alerts.values()} == {"a"}
    # An alert's own severity stays: the runbooks speak of it.
    assert "page" not in {labels["severity"] for labels in alerts.values()}
    assert all("team" not in entry.get("labels", {}) for entry in rules if "record" in entry)


@pytest.mark.parametrize("url", [DOCS_URL, ""])
def test_dashboards_are_the_files_with_links_that_lead_somewhere(helm: Helm, url: str) -> None:
    dashboards = {"enabled": True}
    objects = helm.render({"monitoring": {"docsUrl": url, "dashboards": dashboards}})
    data = {k: v for found in of_kind(objects, "ConfigMap") for k, v in found["data"].items()}
    assert set(data) == {f"cosmos3-{path.name}" for path in DASHBOARDS}
    for path in DASHBOARDS:
        text = data[f"cosmos3-{path.name}"]
        links = re.findall(r'"url": "(?!/d/)([^"]+)"', text)
        assert links
        assert all(link.startswith(f"{url}/" if url else "#docs/") for link in links)
        plain = path.read_text("utf-8").replace('"DOCS_URL/', f'"{url or "#docs"}/')
        assert json.loads(text) == json.loads(plain.replace("DOCS_URL", url or "docs"))


def test_monitors_say_what_the_examples_say(helm: Helm) -> None:
    on = {"enabled": True}
    objects = helm.render({"monitoring": {"serviceMonitor": on, "podMonitor": on}})
    examples = ROOT / "examples" / "monitoring"
    for kind, file, endpoints in (
        ("PodMonitor", "podmonitor-servers.yaml", "podMetricsEndpoints"),
        ("ServiceMonitor", "servicemonitor-operator.yaml", "endpoints"),
    ):
        (found,) = of_kind(objects, kind)
        example = yaml.safe_load((examples / file).read_text("utf-8"))["spec"]
        assert found["spec"][endpoints] == example[endpoints]
        assert found["spec"].get("namespaceSelector") == example.get("namespaceSelector")
        wanted = example["selector"]["matchLabels"].items()
        assert wanted <= found["spec"]["selector"]["matchLabels"].items()


def test_large_numbers_are_written_out(helm: Helm) -> None:
    # Helm reads every number of a file as a float, and would print a million as 1e+06.
    values = {"resyncSeconds": 2_000_000, "terminationGracePeriodSeconds": 1_000_000}
    pod = pod_of(helm.render(values))
    assert "--resync-seconds=2000000" in pod["containers"][0]["args"]
    assert pod["terminationGracePeriodSeconds"] == 1_000_000


def test_the_preflight_image_is_the_operators_own_unless_given(helm: Helm) -> None:
    pod = pod_of(helm.render(values_of("default")))
    (container,) = pod["containers"]
    assert parsed(container["args"])["preflight_image"] == container["image"]


def test_nothing_is_random_and_nothing_asks_the_cluster() -> None:
    templates = [p for p in (CHART / "templates").rglob("*") if p.is_file()]
    assert len(templates) > 10
    words = re.compile(r"\b(lookup|rand\w+|now|uuidv4|gen\w*Cert\w*|genCA|htpasswd|Capabilities)\b")
    code = re.compile(r"{{.*?}}", re.S)
    comment = re.compile(r"{{-? */\*.*?\*/ *-?}}", re.S)
    found = [
        (path.name, block)
        for path in templates
        for block in code.findall(comment.sub("", path.read_text("utf-8")))
        if words.search(re.sub(r'"[^"]*"', "", block))
    ]
    assert found == []


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A chart that has this one as a dependency, as platforms do."""
    folder = tmp_path_factory.mktemp("parent")
    dependency = {
        "name": "cosmos3-operator",
        "version": "*",
        "condition": "cosmos3-operator.enabled",
    }
    about = {"apiVersion": "v2", "name": "platform", "version": "1.0.0"}
    (folder / "Chart.yaml").write_text(yaml.safe_dump(about | {"dependencies": [dependency]}))
    shutil.copytree(CHART, folder / "charts" / "cosmos3-operator")
    return folder


def test_a_parent_chart_can_switch_it_and_share_its_globals(helm: Helm, parent: Path) -> None:
    shared: Mapping[str, Any] = {"imageRegistry": "registry.example.com", "others": {"key": 1}}
    objects = helm.render({"global": shared}, chart=parent)
    (container,) = pod_of(objects)["containers"]
    assert container["image"].startswith("registry.example.com/cosmos3-operator:")
    assert helm.render({"cosmos3-operator": {"enabled": False}}, chart=parent) == []


def test_a_package_holds_what_the_chart_needs_and_nothing_else(helm: Helm, tmp_path: Path) -> None:
    copy = shutil.copytree(CHART, tmp_path / "cosmos3-operator")
    for name in (".DS_Store", "values.yaml.orig", "old.tgz", "values.yaml~"):
        (copy / name).write_text("left over")
    helm("package", str(copy), "--destination", str(tmp_path))
    (package,) = tmp_path.glob("*.tgz")
    with tarfile.open(package) as archive:
        held = {Path(one.name).relative_to(copy.name) for one in archive if one.isfile()}
    assert held == {path.relative_to(CHART) for path in CHART.rglob("*") if path.is_file()}
    assert (
        helm("show", "values", str(package)).strip() == (CHART / "values.yaml").read_text().strip()
    )

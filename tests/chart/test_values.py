"""Every value: documented, typed, put to use, and refused where it is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import pytest
import yaml

from chart_values.__main__ import files
from chart_values.schema import of
from chart_values.values import Value, read
from support.chart_cases import values_of
from support.helm import CHART, NAMESPACE, RELEASE, Helm

LEAVES = {
    leaf.path: leaf
    for section in read((CHART / "values.yaml").read_text("utf-8"))
    for value in section.values
    for leaf in value.leaves()
}

OTHERS: Mapping[str, Any] = {
    # Another value, where one cannot be made up from the type and the schema alone.
    "image.digest": f"sha256:{'a' * 64}",
    "listen.address": "127.0.0.1",
    "monitoring.docsUrl": "https://example.com/docs",
    "monitoring.prometheusRule.groups": ["fleet"],
    "monitoring.prometheusRule.exclude": ["Cosmos3OperatorDown"],
    "strategy.type": "Recreate",
    "strategy.rollingUpdate.maxSurge": "25%",
    "podDisruptionBudget.maxUnavailable": "25%",
    "affinity": {"podAffinity": {}},
    "resources": {"requests": {"cpu": "1"}},
    "helmTest.resources": {"requests": {"cpu": "1"}},
    "monitoring.prometheusRule.alertLabels": {"other": "yes"},
    **{f"monitoring.{kind}.interval": "45s" for kind in ("serviceMonitor", "podMonitor")},
    **{f"monitoring.{kind}.scrapeTimeout": "7s" for kind in ("serviceMonitor", "podMonitor")},
}

BASES: Mapping[str, Mapping[str, Any]] = {
    # What must be set beside a value for it to matter, beyond the case "everything".
    "nameOverride": {"fullnameOverride": ""},
    "image.registry": {"global": {}},
    "serviceAccount.create": {"serviceAccount": {"name": "given"}},
    "metrics.service.enabled": {"monitoring": {"serviceMonitor": {"enabled": False}}},
    "crds.keep": {"crds": {"enabled": True}},
}

BY_A_PARENT = {"enabled"}
"""Read by a parent chart only; test_content.py has one."""


def merged(*layers: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            old = made.get(key)
            made[key] = merged(old, value) if isinstance(old, dict) and value else value
    return made


def nested(path: str, value: Any) -> dict[str, Any]:
    for key in reversed(path.split(".")):
        value = {key: value}
    return dict(value)


def at(values: Mapping[str, Any], path: str) -> Any:
    found: Any = values
    for key in path.split("."):
        found = found[key]
    return found


def other(leaf: Value, now: Any) -> Any:
    """Return another value of the right type."""
    if leaf.path in OTHERS:
        return OTHERS[leaf.path]
    if choices := of(leaf).get("enum"):
        return next(choice for choice in choices if choice != now)
    if isinstance(now, list):
        assert now, f"the case 'everything' sets no {leaf.path}"
        return now[:-1]
    make: Mapping[type, Callable[[Any], Any]] = {
        bool: lambda value: not value,
        int: lambda value: value + 1,
        str: lambda value: f"{value}x",
        dict: lambda value: {**value, "example.com/other": "yes"},
    }
    return make[type(now)](now)


def flipped(leaf: Value) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return two sets of values that differ in this value only."""
    base = merged(
        yaml.safe_load((CHART / "values.yaml").read_text("utf-8")),
        values_of("everything"),
        BASES.get(leaf.path, {}),
    )
    return base, merged(base, nested(leaf.path, other(leaf, at(base, leaf.path))))


def test_no_value_is_idle(helm: Helm) -> None:
    @cache
    def render(values: str) -> str:
        words = ("template", RELEASE, str(CHART), f"--namespace={NAMESPACE}", "--values=-")
        return helm(*words, stdin=values)

    def is_idle(leaf: Value) -> bool:
        base, changed = map(yaml.safe_dump, flipped(leaf))
        assert base != changed, leaf.path
        return render(base) == render(changed)

    leaves = [leaf for path, leaf in LEAVES.items() if path not in BY_A_PARENT]
    with ThreadPoolExecutor(4) as pool:
        idle = [leaf.path for leaf, no in zip(leaves, pool.map(is_idle, leaves), strict=True) if no]
    assert idle == []


REFUSED = [
    # What somebody writes, and what Helm must say about it: where, and what is wrong.
    ("replica: 2", "additional properties 'replica' not allowed"),
    ("image: {registy: example.com}", "at '/image': additional properties 'registy' not allowed"),
    ("image: {tag: 1.10}", "at '/image/tag': got number, want string"),
    ("image: {pullPolicy: always}", "at '/image/pullPolicy': value must be one of"),
    ("image: {repository: Cosmos}", "at '/image/repository': 'Cosmos' does not match pattern"),
    ("replicas: two", "at '/replicas': got string, want integer"),
    ("replicas: -1", "at '/replicas': minimum: got -1, want 0"),
    ("workers: 513", "at '/workers': maximum: got 513, want 512"),
    ("watchNamespaces: team-a", "at '/watchNamespaces': got string, want array"),
    ("watchNamespaces: [a, a]", "at '/watchNamespaces': items at 0 and 1 are equal"),
    ("watchNamespaces: [Team]", "at '/watchNamespaces/0': 'Team' does not match pattern"),
    ("leaderElection: {leaseSeconds: 1}", "at '/leaderElection/leaseSeconds': minimum: got 1"),
    ("log: {level: trace}", "at '/log/level': value must be one of"),
    ("crds: {enabled: 'yes'}", "at '/crds/enabled': got string, want boolean"),
    ("resources: {limit: {memory: 1Gi}}", "at '/resources': additional properties 'limit'"),
    ("resources: {limits: {memory: 1 GB}}", "at '/resources/limits/memory': '1 GB' does not match"),
    ("podLabels: {a: yes}", "at '/podLabels/a': got boolean, want string"),
    ("podLabels: {a: a b}", "at '/podLabels/a': 'a b' does not match pattern"),
    ("tolerations: [{kee: a}]", "at '/tolerations/0': additional properties 'kee' not allowed"),
    ("extraEnv: [{value: a}]", "at '/extraEnv/0': missing property 'name'"),
    ("extraEnv: [{name: A, value: 1}]", "at '/extraEnv/0/value': got number, want string"),
    ("extraArgs: [1]", "at '/extraArgs/0': got number, want string"),
    ("global: {imagePullSecrets: [a]}", "at '/global/imagePullSecrets/0': got string, want object"),
    ("affinity: {nodeAfinity: {}}", "at '/affinity': additional properties 'nodeAfinity'"),
    ("strategy: {rollingUpdate: {maxSurge: 1.5}}", "at '/strategy/rollingUpdate/maxSurge'"),
    ("networkPolicy: {apiServer: {cidrs: [192.0.2.1]}}", "at '/networkPolicy/apiServer/cidrs/0'"),
    ("monitoring: {docsUrl: https://a/}", "at '/monitoring/docsUrl': 'https://a/' does not match"),
    ("monitoring: {prometheusRule: {groups: []}}", "minItems: got 0, want 1"),
    ("monitoring: {serviceMonitor: {interval: 30}}", "interval': got number, want string"),
    ("preflight: {image: 'a b'}", "at '/preflight/image': 'a b' does not match pattern"),
]

CONTRADICTIONS = [
    # What the schema lets through, and the message of the chart itself.
    ("image: {digest: abc}", 'image.digest is "abc": it must be sha256: and 64 hexadecimal digits'),
    ("serviceAccount: {create: false}", "serviceAccount.name is empty: the operator's permissions"),
    ("enabled: false", "enabled is false, which only a parent chart can act upon"),
    ("extraArgs: [--namespace=a]", "extraArgs has --namespace: set watchNamespaces instead"),
    ("extraArgs: [--no-leader-elect]", "extraArgs has --no-leader-elect: set replicas"),
    ("extraArgs: [-n, a]", "extraArgs has -n: set watchNamespaces instead"),
    (
        "metrics: {service: {enabled: false}}\nmonitoring: {serviceMonitor: {enabled: true}}",
        "a ServiceMonitor finds a Service only; enable both",
    ),
    (
        "monitoring: {prometheusRule: {enabled: true, exclude: [Cosmos3Nothing]}}",
        'exclude has "Cosmos3Nothing", which no file of',
    ),
    (
        "commonLabels: {app.kubernetes.io/name: a}",
        'commonLabels has "app.kubernetes.io/name", which the chart sets itself',
    ),
    (
        "strategy: {rollingUpdate: {maxSurge: 0}}",
        "maxSurge and maxUnavailable are both 0: an update could never begin",
    ),
    ("podDisruptionBudget: {maxUnavailable: 0}", "no node that runs the operator could ever"),
]


@pytest.mark.parametrize(("written", "said"), REFUSED + CONTRADICTIONS)
def test_what_is_wrong_is_refused_with_a_message_that_helps(
    helm: Helm, written: str, said: str
) -> None:
    done = helm.run("template", RELEASE, str(CHART), "--values=-", stdin=written)
    assert done.returncode != 0, written
    assert said in done.stderr


def test_the_schema_is_closed_but_for_free_maps() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text("utf-8"))

    def open_ones(path: str, part: Mapping[str, Any]) -> Iterator[str]:
        if "properties" in part and part.get("additionalProperties") is not False:
            yield path
        for name, child in part.get("properties", {}).items():
            yield from open_ones(f"{path}.{name}", child)

    # Other charts of a parent chart have keys of their own there.
    assert list(open_ones("", schema)) == [".global"]


def test_every_value_is_described_and_typed() -> None:
    assert [path for path, leaf in LEAVES.items() if not leaf.text.endswith(".")] == []
    assert all("type" in of(leaf) for leaf in LEAVES.values())


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_what_is_made_from_the_values_is_fresh(path: Any) -> None:
    assert path.read_text("utf-8") == files()[path], f"{path.name} is stale: run 'make docs'"

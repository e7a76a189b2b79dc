"""What `diff` shows: fields that differ, and nothing that the API server counts for itself."""

from __future__ import annotations

import copy
from typing import Any

from cosmos3_operator.cli.changes import Row, changes, restarts_pods, table

LIVE: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "x", "generation": 1, "resourceVersion": "7", "annotations": {"a/b": "1"}},
    "spec": {
        "replicas": 1,
        "template": {
            "spec": {
                "containers": [{"name": "server", "args": ["a", "b"], "ports": [{"port": 1}]}],
                "volumes": [{"name": "shm"}],
            }
        },
    },
    "status": {"replicas": 1},
}


def changed(**parts: Any) -> dict[str, Any]:
    return {**copy.deepcopy(LIVE), **parts}


def test_what_the_api_server_counts_and_the_status_are_no_change():
    metadata = {**LIVE["metadata"], "generation": 2, "resourceVersion": "8", "managedFields": []}
    assert changes(LIVE, changed(metadata=metadata, status={})) == []


def test_fields_are_named_as_people_would():
    wanted = copy.deepcopy(LIVE)
    wanted["metadata"]["annotations"]["a/b"] = "2"
    pod = wanted["spec"]["template"]["spec"]
    pod["containers"][0] |= {"args": ["a", "c"], "ports": [{"port": 1}, {"port": 2}]}
    pod["volumes"] = [{"name": "cache"}]
    assert changes(LIVE, wanted) == [
        "metadata.annotations[a/b]: 1 → 2",
        "spec.template.spec.containers.server.args[1]: b → c",
        "spec.template.spec.containers.server.ports: [{'port': 1}] → [{'port': 1}, {'port': 2}]",
        "spec.template.spec.volumes.shm: {'name': 'shm'} → (none)",
        "spec.template.spec.volumes.cache: (none) → {'name': 'cache'}",
    ]


def test_long_values_are_cut():
    (line,) = changes({"spec": {"text": "short"}}, {"spec": {"text": "word " * 100}})
    assert line.endswith("…")
    assert len(line) < 100


def test_pods_restart_where_the_template_differs_and_there_are_some():
    other = changed(spec={**LIVE["spec"], "template": {}})
    assert restarts_pods(LIVE, other)
    assert not restarts_pods(LIVE, changed(spec={**LIVE["spec"], "replicas": 2}))
    scaled_down = changed(spec={**LIVE["spec"], "replicas": 0})
    assert not restarts_pods(scaled_down, other)


def test_what_restarts_comes_first():
    rows = [
        Row(resource="a"),
        Row(resource="b", lines=("Service b: spec.x: 1 → 2",)),
        Row(resource="c", restarts=True, lines=("Deployment c: spec.y: 1 → 2",)),
    ]
    assert table(rows) == [
        "c: pods RESTART",
        "    Deployment c: spec.y: 1 → 2",
        "b: pods stay",
        "    Service b: spec.x: 1 → 2",
        "a: pods stay, nothing changes",
        "",
        "Pods of 1 of 3 resources would restart.",
    ]
    assert table([]) == ["No resource of this operator is there."]

"""How nodes and containers fail in the bed: it must look as it does where they are real."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from bed import api as bed
from support.waiting import eventually

pytestmark = pytest.mark.cluster

Json = dict[str, Any]
PREFIX = "bed.cosmos3.io"
NODE_LOSS_S = 8


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[bed.Cluster]:
    """A control plane that gives a silent node up soon."""
    folder = tmp_path_factory.mktemp("fates") / "cluster"
    try:
        yield bed.up(folder, node_loss_s=NODE_LOSS_S)
    finally:
        bed.down(folder)


@pytest.fixture
def namespace(cluster: bed.Cluster) -> str:
    """A namespace with its service account; the cluster does not outlive the module."""
    name = f"fate-{uuid.uuid4().hex[:8]}"
    cluster.kubectl("create", "namespace", name)
    eventually(
        lambda: cluster.kubectl("get", "sa", "default", "-n", name, "--ignore-not-found"),
        bool,
        what="the namespace's service account",
    )
    return name


def listed(cluster: bed.Cluster, namespace: str, what: str = "pods") -> list[Json]:
    text = cluster.kubectl("get", what, "-n", namespace, "-o", "json")
    items: list[Json] = json.loads(text)["items"]
    return items


def apply(cluster: bed.Cluster, namespace: str, *objects: Json) -> None:
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    cluster.kubectl("apply", "-n", namespace, "-f", "-", stdin=text)


def annotations(words: dict[str, str]) -> dict[str, str]:
    return {f"{PREFIX}/{name.replace('_', '-')}": value for name, value in words.items()}


def is_true(thing: Json, kind: str) -> bool:
    conditions = thing.get("status", {}).get("conditions", [])
    return any(c["type"] == kind and c["status"] == "True" for c in conditions)


def deployment(**words: str) -> Json:
    container = {"name": "server", "image": "example/server:1"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "server"},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": "server"}},
            "template": {
                "metadata": {
                    "labels": {"app": "server"},
                    "annotations": annotations({"ready_after": "10ms"} | words),
                },
                "spec": {"containers": [container]},
            },
        },
    }


def test_a_silent_node_loses_its_pods_and_comes_back(cluster: bed.Cluster, namespace: str) -> None:
    apply(cluster, namespace, deployment())
    (pod,) = eventually(
        lambda: [one for one in listed(cluster, namespace) if is_true(one, "Ready")],
        bool,
        what="a pod that is Ready",
    )
    name, node = pod["metadata"]["name"], pod["spec"]["nodeName"]
    cluster.silence(node)

    def seen() -> tuple[bool, bool, list[Json]]:
        pods = listed(cluster, namespace)
        lost = next(one for one in pods if one["metadata"]["name"] == name)
        others = [one for one in pods if one["metadata"]["name"] != name and is_true(one, "Ready")]
        return "deletionTimestamp" in lost["metadata"], is_true(lost, "Ready"), others

    going, ready, others = eventually(
        seen, lambda look: look[0] and not look[1] and look[2], what="the pod's replacement"
    )
    assert (going, ready) == (True, False)
    assert [one["spec"]["nodeName"] != node for one in others] == [True]
    nodes = {one["metadata"]["name"]: one for one in listed(cluster, namespace, "nodes")}
    assert not is_true(nodes[node], "Ready")

    cluster.revive(node)
    eventually(
        lambda: [one["metadata"]["name"] for one in listed(cluster, namespace)],
        lambda names: name not in names,
        what="the end of the pod that was cut off",
    )
    eventually(
        lambda: json.loads(cluster.kubectl("get", "node", node, "-o", "json")),
        lambda found: is_true(found, "Ready") and not found["spec"].get("taints"),
        what="the node's return",
    )

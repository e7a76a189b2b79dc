"""Images meet drivers that can run them, and what was decided about it survives a changing cluster.

The decisive nodes have products of their own, so this suite shares its cluster with the others.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bed import nodes as bed_nodes
from support.api import Api, ready
from support.operator_process import OperatorProcess
from support.resources import generator, reasoner
from support.settling import settled
from support.waiting import eventually

SHAPES = Path(__file__).with_name("cuda_nodes.yaml")
NODES = "/api/v1/nodes"
NEWEST_12 = "vllm/vllm-openai:v0.28.0-cu129"
NO_GUARDRAILS = {"mode": "Disabled"}

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("drivers", "operator")]


@pytest.fixture(scope="module", autouse=True)
def drivers(api: Api) -> Iterator[None]:
    """Nodes of all ages, there before the operator starts."""
    made = list(bed_nodes.manifests(bed_nodes.load_shapes(SHAPES)))
    for node in made:
        add_node(api, node)
    yield
    for node in made:
        api.delete(f"{NODES}/{node['metadata']['name']}")


def add_node(api: Api, node: dict[str, Any]) -> None:
    api.post(NODES, node)
    name = node["metadata"]["name"]
    eventually(
        lambda: api.get(f"{NODES}/{name}"),
        lambda seen: seen and is_ready(seen),
        what=f"node {name} being ready",
    )


def is_ready(node: dict[str, Any]) -> bool:
    conditions = {c["type"]: c["status"] for c in node["status"].get("conditions", ())}
    tainted = any(t["key"].startswith("node.kubernetes.io") for t in node["spec"].get("taints", ()))
    return conditions.get("Ready") == "True" and not tainted


def deployment_of(api: Api, namespace: str) -> dict[str, Any]:
    (found,) = [c for c in api.children(namespace) if c["kind"] == "Deployment"]
    return found


def test_a_cuda_13_pod_never_lands_on_a_cuda_12_node(api: Api, namespace: str) -> None:
    body = generator(
        "mixed",
        namespace,
        replicas=2,
        guardrails=NO_GUARDRAILS,
        gpu={"products": ["TEST-MIXED"]},
    )
    api.create(body)
    # The CUDA 12 node has eight free GPUs, and the second pod waits for a second newer one.
    settled(api, body, "InsufficientGPUs")
    placed = [pod["spec"].get("nodeName") for pod in api.pods(namespace)]
    assert set(placed) == {"mixed-13-0", None}


def test_a_driver_that_is_too_old_for_every_image_is_said(api: Api, namespace: str) -> None:
    body = generator("old", namespace, guardrails=NO_GUARDRAILS, gpu={"products": ["TEST-ONLY-12"]})
    api.create(body)
    message = ready(settled(api, body, "NoNodeFits"))["message"]
    assert "river too old: the image is built for CUDA 13" in message
    assert "TEST-ONLY-12 (CUDA 12)" in message


def test_a_node_without_labels_takes_pods_as_before(api: Api, namespace: str) -> None:
    body = generator("plain", namespace, guardrails=NO_GUARDRAILS, gpu={"products": ["TEST-PLAIN"]})
    api.create(body)
    settled(api, body, "Serving")
    assert api.pods(namespace)[0]["spec"]["nodeName"] == "plain-0"


def test_auto_comes_up_on_cuda_12_and_neither_new_nodes_nor_lost_labels_restart_it(
    api: Api, namespace: str, operator: OperatorProcess
) -> None:
    body = reasoner("auto", namespace, maxModelLength=32768, gpu={"products": ["TEST-ONLY-12"]})
    api.create(body)
    settled(api, body, "Serving")
    before = deployment_of(api, namespace)
    (pod,) = api.pods(namespace)
    assert pod["spec"]["containers"][0]["image"] == NEWEST_12
    assert pod["spec"]["nodeName"] == "only-12-0"
    noted = json.loads(before["metadata"]["annotations"]["serving.cosmos3.io/runtime"])
    assert noted["cuda"] == "12"

    (shape,) = [s for s in bed_nodes.load_shapes(SHAPES) if s.name == "mixed-13"]
    (newer,) = bed_nodes.manifests([shape])
    newer["metadata"]["name"] = newer["metadata"]["labels"]["kubernetes.io/hostname"] = "newer-0"
    newer["metadata"]["labels"]["nvidia.com/gpu.product"] = "TEST-ONLY-12"
    add_node(api, newer)
    try:
        unchanged_by_a_new_look(api, namespace, operator, body, before)
        for name in ("only-12-0", "newer-0"):
            lost = {f"nvidia.com/cuda.{one}.major": None for one in ("runtime", "runtime-version")}
            api.merge(f"{NODES}/{name}", {"metadata": {"labels": lost}})
        unchanged_by_a_new_look(api, namespace, operator, body, before)
        assert [p["metadata"]["uid"] for p in api.pods(namespace)] == [pod["metadata"]["uid"]]
    finally:
        api.delete(f"{NODES}/newer-0")


def unchanged_by_a_new_look(
    api: Api,
    namespace: str,
    operator: OperatorProcess,
    body: dict[str, Any],
    before: dict[str, Any],
) -> None:
    """A restarted operator knows the nodes anew; a new generation makes it plan again."""
    operator.stop()
    operator.start()
    look = {"example.com/look": uuid.uuid4().hex}
    api.merge(api.path(body), {"spec": {"service": {"annotations": look}}})
    settled(api, body, "Serving")
    after = deployment_of(api, namespace)
    assert after["spec"]["template"] == before["spec"]["template"]
    assert after["metadata"]["annotations"] == before["metadata"]["annotations"]

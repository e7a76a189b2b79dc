"""The scheduler's sentence, taken apart, and the nodes that it is about."""

from __future__ import annotations

from typing import Any

import pytest

from cosmos3_operator.status.evidence import Evidence, InventoryAsk, NodeGpus
from cosmos3_operator.status.findings import Finding
from cosmos3_operator.status.scheduling import parts_of, scheduling_finding
from unit.status import moments

Json = dict[str, Any]
TAINT = {"key": "dedicated", "value": "training", "effect": "NoSchedule"}


def test_it_is_taken_apart_without_counts() -> None:
    assert parts_of(
        "0/5 nodes are available: 1 node(s) had taint {a: b}, that the pod didn't tolerate, 2 "
        "Insufficient nvidia.com/gpu, 2 Insufficient memory. preemption: 0/5 nodes are available: "
        "5 Preemption is not helpful for scheduling."
    ) == (
        "Insufficient memory",
        "Insufficient nvidia.com/gpu",
        "node(s) had taint {a: b}, that the pod didn't tolerate",
    )


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", ()),
        ("no nodes available to schedule pods", ("no nodes available to schedule pods",)),
        (
            '0/1 nodes are available: persistentvolumeclaim "a.b" not found. preemption: 0/1.',
            ('persistentvolumeclaim "a.b" not found',),
        ),
    ],
)
def test_other_sentences_are_left_whole(text: str, parts: tuple[str, ...]) -> None:
    assert parts_of(text) == parts


def node(name: str, free: int, *, gpus: int = 8, taints: tuple[Json, ...] = ()) -> NodeGpus:
    return NodeGpus(name=name, product="H200", gpus=gpus, free=free, taints=taints)


def finding(words: str, *nodes: NodeGpus, **spec: Any) -> Finding:
    counted = {InventoryAsk("nvidia.com/gpu"): nodes}
    evidence = Evidence(logs={}, events={}, inventory=counted)
    pod = moments.unscheduled(f"0/9 nodes are available: {words}.")
    found = scheduling_finding(
        moments.plan(**({"parallelism": {"tensor": 4, "cfg": 2}} | spec)),
        moments.seen(pod, evidence=evidence),
        pod,
    )
    assert found is not None
    return found


GPUS = "3 Insufficient nvidia.com/gpu"
TAINTS = "2 node(s) had untolerated taint(s)"


@pytest.mark.parametrize(
    ("words", "nodes", "reason", "named"),
    [
        (GPUS, [node("a", 6), node("b", 7)], "InsufficientGPUs", "b comes nearest: 7 of 8"),
        (GPUS, [node("a", 4, gpus=4), node("b", 1)], "InsufficientGPUs", "b comes nearest: 1 of 8"),
        (GPUS, [node("b", 3), node("a", 3)], "InsufficientGPUs", "a comes nearest"),
        (
            f"{GPUS}, {TAINTS}",
            [node("a", 8, taints=(TAINT,)), node("b", 1)],
            "NodesTainted",
            "a has",
        ),
        (
            f"{GPUS}, {TAINTS}",
            [node("a", 5, taints=(TAINT,)), node("b", 1)],
            "InsufficientGPUs",
            "b",
        ),
        (TAINTS, [node("a", 5, taints=(TAINT,))], "NodesTainted", "a has such GPUs"),
        (f"{GPUS}, 2 Insufficient cpu", [node("a", 8)], "Scheduling", "free cpu"),
        (f"{GPUS}, 2 Insufficient cpu", [node("a", 7)], "InsufficientGPUs", "a comes nearest"),
        (GPUS, [], "InsufficientGPUs", "no matching node has that many free"),
        (GPUS, [node("a", 8)], "InsufficientGPUs", "no matching node has that many free"),
        ("9 node(s) didn't match Pod's node affinity/selector", [node("a", 2)], "NoNodeFits", "No"),
    ],
)
def test_the_nodes_tell_what_the_scheduler_does_not(
    words: str, nodes: list[NodeGpus], reason: str, named: str
) -> None:
    found = finding(words, *nodes)
    assert found.reason == reason
    assert named in found.message


@pytest.mark.parametrize(
    ("toleration", "is_tolerated"),
    [
        ({"key": "dedicated", "operator": "Exists"}, True),
        ({"key": "dedicated", "value": "training"}, True),
        ({"key": "dedicated", "value": "serving"}, False),
        ({"operator": "Exists"}, True),
        ({"key": "dedicated", "operator": "Exists", "effect": "NoExecute"}, False),
    ],
)
def test_a_taint_that_is_tolerated_bars_nobody(toleration: Json, *, is_tolerated: bool) -> None:
    tainted = node("a", 8, taints=(TAINT,))
    found = finding(f"{GPUS}, {TAINTS}", tainted, pod={"tolerations": [toleration]})
    assert (found.reason != "NodesTainted") == is_tolerated


def test_the_usual_taint_of_gpu_nodes_is_tolerated() -> None:
    usual = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
    found = finding(GPUS, node("a", 6, taints=(usual,)))
    assert "a comes nearest" in found.message


def test_a_resource_of_another_name_is_not_the_gpus() -> None:
    found = finding("3 Insufficient rdma/hca")
    assert found.reason == "Scheduling"

"""Free GPUs are what nodes have, less what pods hold as the scheduler counts it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from cosmos3_operator.reconcile.gather import GpuNode, gpu_node
from cosmos3_operator.reconcile.inventory import asked_of_node, free, requested

GPU = "nvidia.com/gpu"
TAINT = {"key": "team", "effect": "NoSchedule"}


def container(gpus: int = 0, **more: Any) -> dict[str, Any]:
    return {"resources": {"limits": {GPU: str(gpus)}} if gpus else {}, **more}


def sidecar(gpus: int) -> dict[str, Any]:
    return container(gpus, restartPolicy="Always")


@pytest.mark.parametrize(
    ("containers", "init", "expected"),
    [
        ([container(4)], [], 4),
        ([container(1), container(2), container()], [], 3),
        ([container(4)], [container(4)], 4),
        ([container(1)], [container(4)], 4),
        ([container(4)], [sidecar(1)], 5),
        ([container(1)], [sidecar(1), container(4)], 5),
        ([container(1)], [container(4), sidecar(1)], 4),
        ([], [], 0),
    ],
)
def test_a_pod_holds_the_larger_of_its_steps(
    containers: list[Any], init: list[Any], expected: int
) -> None:
    assert requested({"containers": containers, "initContainers": init}, GPU) == expected


def test_requests_count_before_limits_and_nonsense_for_nothing() -> None:
    both = {"resources": {"requests": {GPU: "2"}, "limits": {GPU: "3"}}}
    odd = {"resources": {"requests": {GPU: "1k"}}}
    assert requested({"containers": [both, odd]}, GPU) == 2


def test_a_pod_without_a_node_holds_nothing_of_any() -> None:
    spec = {"containers": [container(2)]}
    assert asked_of_node({"spec": spec}, GPU) == ("", 2)
    assert asked_of_node({"spec": {**spec, "nodeName": "a"}}, GPU) == ("a", 2)


def node(name: str, gpus: int, *taints: Any) -> GpuNode:
    return GpuNode(name=name, product="H100", resources={GPU: gpus}, taints=taints)


def test_nodes_are_told_with_the_freest_first_and_never_below_zero() -> None:
    nodes = [node("full", 8), node("over", 1), node("half", 8, TAINT)]
    nodes.append(node("other", 8)._replace(resources={"amd.com/gpu": 8}))
    found = free(nodes, Counter({"full": 8, "over": 2, "half": 4}), GPU)
    assert [(one.name, one.gpus, one.free) for one in found] == [
        ("half", 8, 4),
        ("full", 8, 0),
        ("over", 1, 0),
    ]
    assert found[0].taints == (TAINT,)


def test_a_cordoned_node_says_so_before_its_taint_comes() -> None:
    body = {
        "metadata": {"name": "a"},
        "spec": {"unschedulable": True},
        "status": {"allocatable": {GPU: "8", "cpu": "4"}},
    }
    (found,) = gpu_node(body)
    assert found.resources == {GPU: 8}
    assert [taint["key"] for taint in found.taints] == ["node.kubernetes.io/unschedulable"]
    assert not list(gpu_node({"metadata": {"name": "b"}, "status": {"allocatable": {"cpu": "1"}}}))

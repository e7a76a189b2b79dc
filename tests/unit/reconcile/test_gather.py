"""Nodes become shapes; they are listed rarely, and by one caller for all."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from cosmos3_operator.plan.facts import Facts, NodeShape
from cosmos3_operator.reconcile.gather import (
    EARLY_SECONDS,
    FRESH_SECONDS,
    FactsCache,
    cut_off_node,
    is_lost,
    shapes_of,
)
from fakes.loop import Clock, bench, run_async

H100 = {"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3", "nvidia.com/gpu.memory": "81559"}


def node(
    labels: dict[str, str] | None = None,
    *,
    gpus: int = 8,
    taints: tuple[str, ...] = (),
    unschedulable: bool = False,
) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"labels": H100 if labels is None else labels},
        "spec": {"unschedulable": unschedulable, "taints": [{"key": key} for key in taints]},
        "status": {
            "allocatable": {
                "cpu": "8",
                "memory": "1Gi",
                "hugepages-1Gi": "0",
                "attachable.kubernetes.io/x": "3",
                "nvidia.com/gpu": str(gpus),
            }
        },
    }


def test_equal_nodes_are_one_shape() -> None:
    assert shapes_of([node(), node(), node({}, gpus=4)]) == (
        NodeShape(
            resource_name="nvidia.com/gpu",
            gpus=8,
            nodes=2,
            product="NVIDIA-H100-80GB-HBM3",
            memory_mib=81559,
        ),
        NodeShape(resource_name="nvidia.com/gpu", gpus=4, nodes=1),
    )


def test_nodes_out_of_service_do_not_count() -> None:
    away = [
        node(unschedulable=True),
        node(taints=("node.kubernetes.io/not-ready",)),
        node(gpus=0),
    ]
    assert shapes_of(away) == ()


def test_a_taint_that_pods_may_tolerate_does_not_hide_a_node() -> None:
    assert shapes_of([node(taints=("nvidia.com/gpu",))])[0].nodes == 1


def test_drivers_and_gpus_are_known_by_the_labels_of_old_and_new_releases() -> None:
    old, new = "nvidia.com/cuda.runtime.major", "nvidia.com/cuda.runtime-version.major"
    compute = {"nvidia.com/gpu.compute.major": "8", "nvidia.com/gpu.compute.minor": "9"}
    for labels in ({old: "12"}, {new: "12"}, {old: "12", new: "12"}):
        (shape,) = shapes_of([node({**labels, **compute})])
        assert (shape.cuda_major, shape.compute_capability) == (12, "8.9")
    (half,) = shapes_of([node({old: "new", "nvidia.com/gpu.compute.major": "8"})])
    assert (half.cuda_major, half.compute_capability) == (0, "")


def test_nonsense_in_labels_and_quantities_is_survived() -> None:
    odd = node({"nvidia.com/gpu.memory": "lots"})
    odd["status"]["allocatable"]["example.com/odd"] = "1k"
    assert shapes_of([odd, {}])[0].memory_mib == 0


def test_many_callers_share_one_list_for_five_minutes() -> None:
    async def main() -> None:
        async with bench() as b:
            b.server.objects.create(b.server.place("Node", "", "n1"), node())
            clock = Clock()
            cache = FactsCache(client=b.reconciler._client, clock=clock)
            found = await asyncio.gather(*(cache.get() for _ in range(20)))
            assert {one.nodes for one in found} == {shapes_of([node()])}
            assert len(b.server.asked) == 1
            clock.now += FRESH_SECONDS - 1
            await cache.get()
            assert len(b.server.asked) == 1
            clock.now += 1
            await cache.get()
            assert len(b.server.asked) == 2

    run_async(main)


def test_where_nodes_may_not_be_listed_they_are_unknown() -> None:
    async def main() -> None:
        async with bench() as b:
            b.server.fail(lambda one: one.path == "/api/v1/nodes", 403, reason="Forbidden")
            cache = FactsCache(client=b.reconciler._client, clock=Clock())
            assert await cache.get() == Facts(nodes=None)
            await cache.get()
            assert len(b.server.asked) == 1

    run_async(main)


@pytest.mark.parametrize(
    ("conditions", "taints", "expected"),
    [
        ([], [], False),
        ([{"type": "Ready", "status": "True"}], [], False),
        ([{"type": "Ready", "status": "Unknown"}], [], True),
        ([{"type": "Ready", "status": "False"}], [], True),
        ([{"type": "DiskPressure", "status": "False"}], [], False),
        ([{"type": "Ready", "status": "True"}], ["node.kubernetes.io/unreachable"], True),
        ([{"type": "Ready", "status": "True"}], ["nvidia.com/gpu"], False),
    ],
)
def test_a_node_is_lost_when_its_kubelet_does_not_report(
    conditions: list[Any], taints: list[str], expected: bool
) -> None:
    found = {"spec": {"taints": [{"key": key} for key in taints]}}
    assert is_lost({**found, "status": {"conditions": conditions}}) == expected


@pytest.mark.parametrize(
    ("ready", "containers", "expected"),
    [
        ("False", [True, True], "n"),
        ("True", [True], ""),
        ("False", [True, False], ""),
        ("False", [], ""),
        (None, [True], ""),
    ],
)
def test_a_pod_looks_cut_off_if_only_its_condition_says_no(
    ready: str | None, containers: list[bool], expected: str
) -> None:
    conditions = [{"type": "Ready", "status": ready}] if ready else []
    status = {"conditions": conditions, "containerStatuses": [{"ready": c} for c in containers]}
    assert cut_off_node({"spec": {"nodeName": "n"}, "status": status}) == expected
    assert cut_off_node({"status": status}) == ""


def test_nodes_may_be_listed_early_but_not_often() -> None:
    async def main() -> None:
        async with bench() as b:
            body = node() | {"metadata": {"name": "a"}}
            b.server.objects.create(b.server.place("Node", "", "a"), body)
            await b.facts.get()
            assert b.facts.lost_nodes == frozenset()
            b.server.objects.change(
                b.server.place("Node", "", "a"),
                lambda one: one["status"].update(conditions=[{"type": "Ready", "status": "False"}]),
            )
            for _ in range(20):
                await b.facts.get(at_most=EARLY_SECONDS)
                b.clock.now += EARLY_SECONDS / 10
            assert len(b.server.asked) == 2
            assert b.facts.lost_nodes == {"a"}
            assert [one.name for one in b.facts.gpu_nodes or ()] == ["a"]

    run_async(main)

"""How many GPUs are free on which node: what nodes have, less what pods have asked for.

In: GPU nodes, and pods one after another. Out: `NodeGpus`. Of a pod nothing is kept but the sum
that it adds to, so counting the pods of a large cluster takes the memory of one page.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from cosmos3_operator.reconcile.gather import GpuNode
from cosmos3_operator.status.evidence import NodeGpus

NOT_ENDED = "status.phase!=Succeeded,status.phase!=Failed"
"""Field selector of the pods that hold what they asked for."""


def asked_of_node(pod: Mapping[str, Any], resource: str) -> tuple[str, int]:
    """Return the node that a pod is bound to, "" if none, and how much of the resource it holds."""
    spec = pod.get("spec") or {}
    return str(spec.get("nodeName") or ""), requested(spec, resource)


def requested(spec: Mapping[str, Any], resource: str) -> int:
    """Return what the scheduler counts: the servers together, or the largest step before them.

    Init containers run one after another, next to the sidecars that were started before them.
    """
    sidecars = largest = 0
    for container in spec.get("initContainers") or ():
        number = _of(container, resource)
        largest = max(largest, sidecars + number)
        sidecars += number if container.get("restartPolicy") == "Always" else 0
    together = sum(_of(container, resource) for container in spec.get("containers") or ())
    return max(largest, sidecars + together)


def free(nodes: Iterable[GpuNode], taken: Counter[str], resource: str) -> tuple[NodeGpus, ...]:
    """Return the nodes that have the resource, the freest first."""
    counted = (
        NodeGpus(
            name=node.name,
            product=node.product,
            gpus=node.resources[resource],
            free=max(0, node.resources[resource] - taken[node.name]),
            taints=node.taints,
        )
        for node in nodes
        if resource in node.resources
    )
    return tuple(sorted(counted, key=lambda node: (-node.free, node.name)))


def _of(container: Mapping[str, Any], resource: str) -> int:
    resources = container.get("resources") or {}
    for kind in ("requests", "limits"):
        quantity = str((resources.get(kind) or {}).get(resource, ""))
        if quantity.isdecimal():
            return int(quantity)
    return 0

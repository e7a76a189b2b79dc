"""Whether any node can hold one replica.

In: the GPUs of one replica, what kind, and the cluster's nodes. Out: `Placement` in words with
figures. It informs the status and never the pod, so that nodes may come and go.
"""

from __future__ import annotations

from cosmos3_operator.plan.facts import Facts, NodeShape
from cosmos3_operator.plan.types import Placement, Verdict


def place(
    gpus: int, *, resource: str, products: tuple[str, ...], min_memory_mib: int, facts: Facts
) -> Placement:
    """Return whether one replica fits a node of the cluster."""
    if facts.nodes is None:
        return Placement(verdict=Verdict.UNKNOWN, message="")
    candidates = [node for node in facts.nodes if node.resource_name == resource and node.gpus]
    matching = [node for node in candidates if _matches(node, products, min_memory_mib)]
    if not matching:
        return Placement(
            verdict=Verdict.NO_MATCH,
            message=_no_match(resource, products, min_memory_mib, candidates),
        )
    largest = max(node.gpus for node in matching)
    if largest >= gpus:
        return Placement(verdict=Verdict.FITS, message="")
    return Placement(
        verdict=Verdict.TOO_LARGE,
        message=f"one replica needs {_gpus(gpus)} on one node, and the largest matching node has "
        f"{largest}: {_gpus(gpus - largest)} short. Nodes: {_inventory(matching)}. Use a smaller "
        "spec.parallelism or a larger node",
    )


def _matches(node: NodeShape, products: tuple[str, ...], min_memory_mib: int) -> bool:
    return (not products or node.product in products) and node.memory_mib >= min_memory_mib


def _no_match(
    resource: str, products: tuple[str, ...], min_memory_mib: int, candidates: list[NodeShape]
) -> str:
    if not candidates:
        return (
            f"no schedulable node offers {resource}: add a GPU node, or install the device plugin "
            "that advertises it"
        )
    wanted = " or ".join(products) or "any product"
    memory = f" with at least {min_memory_mib} MiB" if min_memory_mib else ""
    return (
        f"no node has GPUs that spec.gpu accepts ({wanted}{memory}). Nodes: "
        f"{_inventory(candidates)}. Relax spec.gpu or add such a node"
    )


def _inventory(nodes: list[NodeShape]) -> str:
    ordered = sorted(nodes, key=lambda node: (-node.gpus, node.product))
    return ", ".join(
        f"{node.nodes} × {node.gpus} {node.product or 'unlabelled GPU'}" for node in ordered
    )


def _gpus(count: int) -> str:
    return f"{count} GPU{'' if count == 1 else 's'}"

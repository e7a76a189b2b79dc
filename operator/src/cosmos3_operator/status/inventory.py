"""Which node comes nearest to taking one replica.

In: the free GPUs by node, if they were counted, and the pods of this resource. Out: a finding with
the node's name and figures. The scheduler only says how many nodes are short; people need to know
which one, by how much, and whether it is their own stopping pod that holds the GPUs.
"""

from __future__ import annotations

from collections.abc import Sequence

from cosmos3_operator.api.conditions import Reason
from cosmos3_operator.plan.types import Plan
from cosmos3_operator.status.evidence import InventoryAsk, NodeGpus
from cosmos3_operator.status.findings import Finding
from cosmos3_operator.status.observe import Observation
from cosmos3_operator.status.reading import is_going, name_of, node_of
from cosmos3_operator.status.taints import OUT_OF_SERVICE, Taint, barring, toleration


def by_inventory(plan: Plan, observation: Observation, *, parts: Sequence[str]) -> Finding | None:
    """Return what the free GPUs tell, None if they are not what the pod waits for.

    `parts` is what the scheduler says that nodes lack: only such nodes can be the ones.
    """
    nodes = _candidates(plan, observation)
    fit = [node for node in nodes if node.free >= plan.gpus.world_size]
    open_nodes = [node for node in nodes if barring(plan, node.taints) is None]
    if not nodes or gpus_suffice(plan, observation):
        return None
    if fit and _speaks_of_taints(parts):
        return _barred(plan, fit[0])
    if open_nodes and f"Insufficient {plan.gpu_resource}" in parts:
        return _short(plan, observation, open_nodes[0])
    if not open_nodes and _speaks_of_taints(parts):
        return _barred(plan, nodes[0])
    return None


def gpus_suffice(plan: Plan, observation: Observation) -> bool:
    """Tell whether a node that takes the pod is known to have enough free GPUs."""
    return any(
        node.free >= plan.gpus.world_size and barring(plan, node.taints) is None
        for node in _candidates(plan, observation)
    )


def _speaks_of_taints(parts: Sequence[str]) -> bool:
    return any("taint" in part or "were unschedulable" in part for part in parts)


def _candidates(plan: Plan, observation: Observation) -> Sequence[NodeGpus]:
    """Return the nodes with such GPUs, the nearest first, in a fixed order."""
    nodes = observation.evidence.inventory.get(InventoryAsk(plan.gpu_resource), ())
    known = (
        node
        for node in nodes
        if node.gpus and (not plan.gpu_products or node.product in plan.gpu_products)
    )
    need = plan.gpus.world_size
    return sorted(known, key=lambda node: (node.gpus < need, -node.free, -node.gpus, node.name))


def _barred(plan: Plan, node: NodeGpus) -> Finding:
    taint = barring(plan, node.taints) or {}
    key, value = str(taint.get("key")), str(taint.get("value") or "")
    has = "enough free GPUs" if node.free >= plan.gpus.world_size else "such GPUs"
    if why := OUT_OF_SERVICE.get(key):
        way_out = f"`kubectl uncordon {node.name}`" if "cordoned" in why else "Repair the node"
        return Finding(
            reason=Reason.SCHEDULING,
            message=f"Node {node.name} has {has}, but takes no pods: {why}",
            remedy=way_out,
        )
    return Finding(
        reason=Reason.NODES_TAINTED,
        message=f"Node {node.name} has {has}, but is reserved by the taint {_named(taint)}",
        remedy=f"If the model may run there, add to spec.pod.tolerations: {toleration(key, value)}",
    )


def _named(taint: Taint) -> str:
    value = f"={taint['value']}" if taint.get("value") else ""
    return f"{taint.get('key')}{value}:{taint.get('effect')}"


def _short(plan: Plan, observation: Observation, node: NodeGpus) -> Finding:
    need = plan.gpus.world_size
    kind = node.product or plan.gpu_resource
    nearest = (
        f"that many free. Node {node.name} comes nearest: {node.free} of {node.gpus} {kind} free, "
        f"{need - node.free} short"
        if node.free
        else "any free"
    )
    return Finding(
        reason=Reason.INSUFFICIENT_GPUS,
        message=f"One replica needs {need} {plan.gpu_resource} on one node, and no matching node "
        f"has {nearest}{_held_by(observation, node)}",
        remedy="Free GPUs, add a node, or use a smaller spec.parallelism",
    )


def _held_by(observation: Observation, node: NodeGpus) -> str:
    ours = [pod for pod in observation.pods if node_of(pod) == node.name]
    if not ours:
        return ""
    names = ", ".join(f"{name_of(pod)}{' (stopping)' if is_going(pod) else ''}" for pod in ours[:3])
    return f"; pods of this resource hold GPUs on {node.name}: {names}"

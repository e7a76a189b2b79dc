"""Whether any node can hold one replica.

In: what a node must have, and the cluster's nodes. Out: `Placement` in words with figures. It
informs the status and never the pod, so that nodes may come and go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from cosmos3_operator.catalog.load import version_key
from cosmos3_operator.plan.facts import Facts, NodeShape
from cosmos3_operator.plan.types import Placement, Verdict

Detail = Callable[[NodeShape], str]


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a node must have to take one replica."""

    gpus: int
    resource: str
    products: tuple[str, ...] = ()
    min_memory_mib: int = 0
    cuda: str = ""
    """CUDA major of the image; "" if not known."""
    cuda_pinned: bool = False
    """Whether the node's label must say that its driver supports that CUDA."""
    cuda_offered: tuple[str, ...] = ()
    """The CUDA majors that the user could have instead."""
    compute_capability: str = ""
    """Lowest one that works, e.g. 8.9; "" if any does."""


def chosen_nodes(nodes: Iterable[NodeShape], *, wanted: Wanted) -> list[NodeShape]:
    """Return the nodes with GPUs of the kind that spec.gpu asks for, however many."""
    return [
        node
        for node in nodes
        if node.resource_name == wanted.resource
        and node.gpus
        and (not wanted.products or node.product in wanted.products)
        and node.memory_mib >= wanted.min_memory_mib
    ]


def admitted_nodes(nodes: Iterable[NodeShape], *, wanted: Wanted) -> list[NodeShape]:
    """Return the nodes onto which the scheduler may put a replica, as far as labels tell."""
    chosen = chosen_nodes(nodes, wanted=wanted)
    return [
        node
        for node in chosen
        if node.gpus >= wanted.gpus
        and supports_cuda(node, wanted)
        and _same_major_at_least(node, wanted)
    ]


def supports_cuda(node: NodeShape, wanted: Wanted) -> bool:
    """Whether a node's driver is new enough, as far as it is labelled."""
    if not wanted.cuda:
        return True
    if not node.cuda_major:
        return not wanted.cuda_pinned
    return node.cuda_major >= int(wanted.cuda)


def can_compute(node: NodeShape, wanted: Wanted) -> bool:
    """Whether a node's GPUs have the compute capability, as far as it is labelled."""
    return is_capable(node.compute_capability, wanted.compute_capability)


def is_capable(capability: str, least: str) -> bool:
    """Whether a compute capability is high enough, as far as both are known."""
    return not (capability and least) or version_key(capability) >= version_key(least)


def place(wanted: Wanted, *, facts: Facts) -> Placement:
    """Return whether one replica fits a node of the cluster."""
    if facts.nodes is None:
        return Placement(verdict=Verdict.UNKNOWN, message="")
    chosen = chosen_nodes(facts.nodes, wanted=wanted)
    able = [n for n in chosen if supports_cuda(n, wanted) and can_compute(n, wanted)]
    if not able:
        words = _unable(wanted, chosen) if chosen else _no_match(wanted, facts.nodes)
        return Placement(verdict=Verdict.NO_MATCH, message=words)
    largest = max(node.gpus for node in able)
    if largest >= wanted.gpus:
        old = [node for node in chosen if node not in able]
        return Placement(verdict=Verdict.FITS, message="", left_out=inventory(old, detail=_age_of))
    return Placement(
        verdict=Verdict.TOO_LARGE,
        message=f"one replica needs {_gpus(wanted.gpus)} on one node, and the largest matching "
        f"node has {largest}: {_gpus(wanted.gpus - largest)} short. Nodes: {inventory(able)}. Use "
        "a smaller spec.parallelism or a larger node",
    )


def _no_match(wanted: Wanted, nodes: Sequence[NodeShape]) -> str:
    candidates = [node for node in nodes if node.resource_name == wanted.resource and node.gpus]
    if not candidates:
        return (
            f"no schedulable node offers {wanted.resource}: add a GPU node, or install the device "
            "plugin that advertises it"
        )
    kind = " or ".join(wanted.products) or "any product"
    memory = f" with at least {wanted.min_memory_mib} MiB" if wanted.min_memory_mib else ""
    return (
        f"no node has GPUs that spec.gpu accepts ({kind}{memory}). Nodes: "
        f"{inventory(candidates)}. Relax spec.gpu or add such a node"
    )


def _unable(wanted: Wanted, chosen: list[NodeShape]) -> str:
    """Say what the nodes of the right kind lack."""
    if all(supports_cuda(node, wanted) for node in chosen):
        return (
            f"GPUs too old: compute capability {wanted.compute_capability} is needed. Nodes: "
            f"{inventory(chosen, detail=_compute_of)}. Add a node with newer GPUs, or ask for less "
            "(spec.quantization)"
        )
    old = [node for node in chosen if not supports_cuda(node, wanted)]
    newest = max(node.cuda_major for node in old)
    others = [line for line in wanted.cuda_offered if int(line) <= newest]
    way_out = (
        f'set spec.runtime.cuda to "{max(others, key=int)}", for which there is an image'
        if others
        else "no image for an older CUDA is catalogued for it"
    )
    unlabelled = " Nodes without the label do not count, since spec.runtime.cuda names the line."
    return (
        f"driver too old: the image is built for CUDA {wanted.cuda}. Nodes: "
        f"{inventory(chosen, detail=_cuda_of)}. Update their drivers; {way_out}."
        f"{unlabelled if wanted.cuda_pinned and not newest else ''}"
    ).removesuffix(".")


def inventory(nodes: Iterable[NodeShape], *, detail: Detail | None = None) -> str:
    """Return nodes in words, the largest first, e.g. `2 × 8 NVIDIA-H200`."""
    ordered = sorted(nodes, key=lambda node: (-node.gpus, node.product))
    return ", ".join(
        f"{node.nodes} × {node.gpus} {node.product or 'unlabelled GPU'}"
        f"{f' ({detail(node)})' if detail else ''}"
        for node in ordered
    )


def _cuda_of(node: NodeShape) -> str:
    return f"CUDA {node.cuda_major}" if node.cuda_major else "CUDA not labelled"


def _compute_of(node: NodeShape) -> str:
    return f"compute capability {node.compute_capability or 'not labelled'}"


def _age_of(node: NodeShape) -> str:
    return f"{_cuda_of(node)}, {_compute_of(node)}"


def _same_major_at_least(node: NodeShape, wanted: Wanted) -> bool:
    """Whether the pod's affinity admits a node's GPUs: it compares majors only."""
    if not (wanted.compute_capability and node.compute_capability):
        return True
    return version_key(node.compute_capability)[0] >= version_key(wanted.compute_capability)[0]


def _gpus(count: int) -> str:
    return f"{count} GPU{'' if count == 1 else 's'}"

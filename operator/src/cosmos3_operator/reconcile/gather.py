"""What is known of nodes: the shapes that a plan may know, GPUs of each, and which are lost.

In: node objects. Out: `Facts`, `GpuNode`s, names. Nodes change their status every few seconds and
have nothing to do with most passes, so they are not watched: they are listed when a pass needs
them, at most once a minute, by one caller for all; sooner only where a pod looks cut off. Where
listing is not permitted, they are simply not known.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from cosmos3_operator.cluster.client import Client
from cosmos3_operator.cluster.errors import Forbidden
from cosmos3_operator.plan.facts import Facts, NodeShape
from cosmos3_operator.reconcile.kinds import NODES

logger = logging.getLogger(__name__)

FRESH_SECONDS = 60.0
"""As often as the status of a resource that no node can hold is looked at again."""
EARLY_SECONDS = 5.0
"""As often as they are listed while a node may have been lost."""
PRODUCT = "nvidia.com/gpu.product"
MEMORY = "nvidia.com/gpu.memory"
CUDA_MAJOR = ("nvidia.com/cuda.runtime-version.major", "nvidia.com/cuda.runtime.major")
"""Newest CUDA of the driver; the second name is deprecated and still set by GPU feature discovery
(NVIDIA/k8s-device-plugin internal/lm)."""
COMPUTE = ("nvidia.com/gpu.compute.major", "nvidia.com/gpu.compute.minor")
OUT_OF_SERVICE = frozenset(
    {
        "node.kubernetes.io/not-ready",
        "node.kubernetes.io/unreachable",
        "node.kubernetes.io/unschedulable",
    }
)
"""Taints that no model pod tolerates. Others may be tolerated, so their nodes count."""
UNREACHABLE = "node.kubernetes.io/unreachable"
_CORDONED: Mapping[str, Any] = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}


class GpuNode(NamedTuple):
    """What is kept of a node that has extended resources."""

    name: str
    product: str
    resources: Mapping[str, int]
    """Allocatable, by name of the extended resource."""
    taints: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, kw_only=True)
class _Listed:
    facts: Facts = field(default_factory=Facts)
    lost: frozenset[str] = frozenset()
    gpu_nodes: tuple[GpuNode, ...] | None = None


class FactsCache:
    """Lists nodes when asked, and remembers the answer for a while."""

    def __init__(self, *, client: Client, clock: Callable[[], float]) -> None:
        self._client = client
        self._clock = clock
        self._lock = asyncio.Lock()
        self._listed = _Listed()
        self._listed_at = float("-inf")
        self._complained = False

    @property
    def lost_nodes(self) -> frozenset[str]:
        """Nodes whose kubelet does not report any more, as last listed."""
        return self._listed.lost

    @property
    def gpu_nodes(self) -> tuple[GpuNode, ...] | None:
        """Nodes with extended resources as last listed; None if they are not known."""
        return self._listed.gpu_nodes

    @property
    def age(self) -> float:
        """Seconds since nodes were listed."""
        return self._clock() - self._listed_at

    async def get(self, *, at_most: float = FRESH_SECONDS) -> Facts:
        """Return what is known, at most so many seconds old."""
        if self.age >= at_most:
            async with self._lock:
                if self.age >= at_most:
                    self._listed = await self._list()
                    self._listed_at = self._clock()
        return self._listed.facts

    async def _list(self) -> _Listed:
        counts: Counter[NodeShape] = Counter()
        lost: set[str] = set()
        gpu_nodes: list[GpuNode] = []
        try:
            async for node in self._client.list(NODES):
                counts.update(node_shapes(node))
                gpu_nodes += gpu_node(node)
                if is_lost(node):
                    lost.add(str(node["metadata"].get("name")))
        except Forbidden as error:
            if not self._complained:
                logger.warning(
                    "GPU nodes are not known, so advice is vaguer, lost nodes are not told and free"
                    " GPUs are not counted: %s",
                    error,
                )
            self._complained = True
            return _Listed()
        return _Listed(
            facts=Facts(nodes=group(counts)), lost=frozenset(lost), gpu_nodes=tuple(gpu_nodes)
        )


def is_lost(node: Mapping[str, Any]) -> bool:
    """Tell whether the kubelet of a node has stopped to report, or reports that it cannot work."""
    taints = (node.get("spec") or {}).get("taints") or ()
    if any(taint.get("key") == UNREACHABLE for taint in taints):
        return True
    conditions = (node.get("status") or {}).get("conditions") or ()
    return any(one.get("type") == "Ready" and one.get("status") != "True" for one in conditions)


def cut_off_node(pod: Mapping[str, Any]) -> str:
    """Return the node of a pod that is not ready although its containers are, "" otherwise.

    So it looks after the node controller has marked it: a kubelet that reports would say it of a
    container first (kubernetes, controller_utils.go, MarkPodsNotReady).
    """
    status = pod.get("status") or {}
    ready = [one for one in status.get("conditions") or () if one.get("type") == "Ready"]
    containers = status.get("containerStatuses") or ()
    says_no = bool(ready) and ready[0].get("status") != "True"
    if not says_no or not containers or not all(one.get("ready") for one in containers):
        return ""
    return str((pod.get("spec") or {}).get("nodeName") or "")


def reporting_node(pod: Mapping[str, Any]) -> str:
    """Return the node of a pod that is ready, "" if it is not: somebody reports from there."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    if not any(one.get("type") == "Ready" and one.get("status") == "True" for one in conditions):
        return ""
    return str((pod.get("spec") or {}).get("nodeName") or "")


def gpu_node(node: Mapping[str, Any]) -> Iterator[GpuNode]:
    """Yield what is kept of a node, nothing of one without extended resources.

    A node that is out of service counts: its GPUs are there, and its taints say why nobody gets
    them.
    """
    spec, metadata = node.get("spec") or {}, node.get("metadata") or {}
    if resources := extended_of((node.get("status") or {}).get("allocatable") or {}):
        taints = tuple(spec.get("taints") or ())
        if spec.get("unschedulable") and all(t.get("key") != _CORDONED["key"] for t in taints):
            taints += (_CORDONED,)
        yield GpuNode(
            name=str(metadata.get("name")),
            product=(metadata.get("labels") or {}).get(PRODUCT, ""),
            resources=resources,
            taints=taints,
        )


def extended_of(quantities: Mapping[str, Any]) -> dict[str, int]:
    """Return the whole numbers above zero of extended resources."""
    return {
        name: int(quantity)
        for name, quantity in quantities.items()
        if is_extended(name) and str(quantity).isdecimal() and int(quantity) > 0
    }


def node_shapes(node: Mapping[str, Any]) -> Iterator[NodeShape]:
    """Yield one shape, with `nodes=1`, for each extended resource of a usable node."""
    spec = node.get("spec") or {}
    if spec.get("unschedulable") or any(
        taint.get("key") in OUT_OF_SERVICE for taint in spec.get("taints") or ()
    ):
        return
    labels = (node.get("metadata") or {}).get("labels") or {}
    allocatable = (node.get("status") or {}).get("allocatable") or {}
    for name, gpus in extended_of(allocatable).items():
        yield NodeShape(
            resource_name=name,
            gpus=gpus,
            nodes=1,
            product=labels.get(PRODUCT, ""),
            memory_mib=_number(labels.get(MEMORY)),
            cuda_major=max(_number(labels.get(name)) for name in CUDA_MAJOR),
            compute_capability=_version(*(labels.get(name, "") for name in COMPUTE)),
        )


def is_extended(resource_name: str) -> bool:
    """Whether the name is of the kind that device plugins use."""
    domain, slash, _ = resource_name.partition("/")
    return bool(slash) and domain != "kubernetes.io" and not domain.endswith(".kubernetes.io")


def group(counts: Mapping[NodeShape, int]) -> tuple[NodeShape, ...]:
    """Merge equal shapes, largest first, in a stable order."""
    shapes = (replace(shape, nodes=count) for shape, count in counts.items())
    return tuple(sorted(shapes, key=_order))


def shapes_of(nodes: Iterable[Mapping[str, Any]]) -> tuple[NodeShape, ...]:
    """Group whole nodes by shape."""
    return group(Counter(shape for node in nodes for shape in node_shapes(node)))


def _order(shape: NodeShape) -> tuple[object, ...]:
    return (
        -shape.gpus,
        shape.resource_name,
        shape.product,
        -shape.memory_mib,
        -shape.cuda_major,
        shape.compute_capability,
    )


def _version(major: str, minor: str) -> str:
    return f"{major}.{minor}" if major.isdecimal() and minor.isdecimal() else ""


def _number(label: str | None) -> int:
    return int(label) if label and label.isdecimal() else 0

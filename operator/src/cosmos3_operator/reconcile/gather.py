"""The facts that a plan may know: which GPU nodes the cluster has, by shape.

In: node objects. Out: `Facts`. Nodes change their status every few seconds and have nothing to do
with most passes, so they are not watched: they are listed when a pass needs them, at most once a
minute, by one caller for all. Where listing is not permitted, they are simply not known.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from cosmos3_operator.cluster.client import Client
from cosmos3_operator.cluster.errors import Forbidden
from cosmos3_operator.plan.facts import Facts, NodeShape
from cosmos3_operator.reconcile.kinds import NODES

logger = logging.getLogger(__name__)

FRESH_SECONDS = 60.0
"""As often as the status of a resource that no node can hold is looked at again."""
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


class FactsCache:
    """Lists nodes when asked, and remembers the answer for a while."""

    def __init__(self, *, client: Client, clock: Callable[[], float]) -> None:
        self._client = client
        self._clock = clock
        self._lock = asyncio.Lock()
        self._facts = Facts()
        self._fresh_until = float("-inf")
        self._complained = False

    async def get(self) -> Facts:
        """Return what is known, at most a minute old."""
        if self._clock() < self._fresh_until:
            return self._facts
        async with self._lock:
            if self._clock() >= self._fresh_until:
                self._facts = Facts(nodes=await self._list())
                self._fresh_until = self._clock() + FRESH_SECONDS
        return self._facts

    async def _list(self) -> tuple[NodeShape, ...] | None:
        counts: Counter[NodeShape] = Counter()
        try:
            async for node in self._client.list(NODES):
                counts.update(node_shapes(node))
        except Forbidden as error:
            if not self._complained:
                logger.warning("GPU nodes are not known, advice will be vaguer: %s", error)
            self._complained = True
            return None
        return group(counts)


def node_shapes(node: Mapping[str, Any]) -> Iterator[NodeShape]:
    """Yield one shape, with `nodes=1`, for each extended resource of a usable node."""
    spec = node.get("spec") or {}
    if spec.get("unschedulable") or any(
        taint.get("key") in OUT_OF_SERVICE for taint in spec.get("taints") or ()
    ):
        return
    labels = (node.get("metadata") or {}).get("labels") or {}
    allocatable = (node.get("status") or {}).get("allocatable") or {}
    for name, quantity in allocatable.items():
        if is_extended(name) and str(quantity).isdecimal() and int(quantity) > 0:
            yield NodeShape(
                resource_name=name,
                gpus=int(quantity),
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

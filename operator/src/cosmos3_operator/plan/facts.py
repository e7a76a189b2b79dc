"""What a plan may know about the cluster, gathered before planning.

In: nothing but data. Out: `Facts`, one value that the planner reads. A node that joins or leaves
must not restart a served model, nor must a newer catalog, so the pod template depends on both in
one decision only, the runtime, which is taken once and then kept. Facts decide what we tell the
user (does any node hold one replica?) and carry what was decided before (a claim's size, the
runtime).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class NodeShape:
    """A group of schedulable nodes that look alike."""

    resource_name: str
    """The extended resource counted, e.g. `nvidia.com/gpu`."""
    gpus: int
    """Allocatable GPUs of each node."""
    nodes: int
    """How many such nodes there are."""
    product: str = ""
    """GPU product as GPU feature discovery labels it (nvidia.com/gpu.product); "" if unlabelled."""
    memory_mib: int = 0
    """Memory of one GPU in MiB (`nvidia.com/gpu.memory`); 0 if unlabelled."""
    cuda_major: int = 0
    """Newest CUDA that the driver supports (`nvidia.com/cuda.runtime.major`); 0 if unlabelled."""
    compute_capability: str = ""
    """Of one GPU, e.g. 8.9 (`nvidia.com/gpu.compute.major` and `.minor`); "" if unlabelled."""


@dataclass(frozen=True, kw_only=True)
class LiveDeployment:
    """What the resource's own Deployment says of the runtime, as it is in the cluster."""

    note: str = ""
    """The annotation that says what was decided (`plan.note`); "" if there is none."""
    cuda_note: str = ""
    """What releases before the note annotated: the CUDA line alone; "" if there is none."""
    image: str = ""
    """Image of the server's container; "" if not known."""
    replicas: int = 1
    """Pods that it asks for."""
    has_served: bool = False
    """Whether the pods of its present template have all been available once."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """The cluster as the planner sees it."""

    nodes: tuple[NodeShape, ...] | None = None
    """GPU nodes by shape; None when they are not known (offline, or listing is not permitted)."""
    claim_size: str | None = None
    """What the resource's own cache claim asks for already; None if there is none yet. A size
    that nobody wrote is decided once: claims cannot shrink, and not every class lets them grow."""
    deployment: LiveDeployment | None = None
    """The Deployment that serves the resource so far; None if there is none, or it is not known."""

"""Volumes and host memory: the weight cache, shared memory, RAM.

In: spec.cache, spec.pod.resources and the checkpoint's sizes. Out: `CachePlan` and quantities.
"""

from __future__ import annotations

from cosmos3_operator.api.common import ServingSpec
from cosmos3_operator.api.errors import FieldError, Invalid
from cosmos3_operator.catalog.types import Checkpoint, MemoryCase, SurfaceFacts
from cosmos3_operator.plan.facts import Facts
from cosmos3_operator.plan.types import CacheKind, CachePlan, Owner

COMPILE_CACHE_GIB = 10
"""Room beside the weights for compiled kernels and partial downloads: judgement."""

UNKNOWN_SHM_GIB = 16
UNKNOWN_MEMORY_GIB = 16


def plan_cache(
    spec: ServingSpec,
    *,
    owner: Owner,
    checkpoint: Checkpoint | None,
    guardrails_gib: float,
    facts: Facts,
) -> CachePlan:
    """Return the volume at /cache.

    Raises Invalid when a claim is asked for and its size is neither said nor known.
    """
    kind = CacheKind(spec.cache.type)
    needed = _needed(checkpoint, guardrails_gib)
    if kind is CacheKind.CLAIM and facts.claim_size:
        needed = facts.claim_size
    size = str(spec.cache.size or needed)
    if kind is CacheKind.CLAIM and not size:
        raise Invalid(
            (
                FieldError(
                    "spec.cache.size",
                    f"is missing: the size of {spec.model} is not in the catalog; write what its "
                    "weights need and some room, e.g. 150Gi",
                ),
            )
        )
    return CachePlan(
        kind=kind,
        size=size,
        claim_name=_claim_name(spec, owner),
        storage_class_name=spec.cache.storage_class_name,
        access_mode=spec.cache.access_mode,
        retain=spec.cache.retention == "Retain",
    )


def plan_memory(
    spec: ServingSpec, *, facts: SurfaceFacts | None, offload: bool
) -> tuple[str, str | None]:
    """Return request and limit of host memory as quantities; the limit may be None."""
    limit = spec.pod.resources.limits.memory
    request = spec.pod.resources.requests.memory
    if request is None and limit is not None:
        request = limit
    if request is None:
        request = f"{host_memory_gib(facts, offload=offload) or UNKNOWN_MEMORY_GIB}Gi"
    return str(request), None if limit is None else str(limit)


def host_memory_gib(facts: SurfaceFacts | None, *, offload: bool) -> int:
    """Return the host memory that the checkpoint is known to need; 0 if it is not known."""
    if facts is None:
        return 0
    return (offload and facts.host_memory_offload_gib) or facts.host_memory_gib


def host_memory_reason(
    spec: ServingSpec,
    *,
    facts: SurfaceFacts | None,
    offload: str,
    measured: MemoryCase | None,
) -> str:
    """Say where the request of host memory is from."""
    resources = spec.pod.resources
    mode = f" with offload {offload}" if offload != "None" else ""
    if resources.requests.memory is not None or resources.limits.memory is not None:
        words = "as spec.pod.resources says"
    elif facts is None:
        words = "a guess, since this model is not in the catalog"
    else:
        words = f"what the catalog sets aside for this checkpoint{mode}"
    if measured is None:
        return f"{words}; not measured"
    return f"{words}; a peak of {measured.host_peak_gib:g} GiB was {measured.source}"


def shm_gib(facts: SurfaceFacts | None) -> int:
    """Return the size of /dev/shm."""
    return facts.shm_gib if facts else UNKNOWN_SHM_GIB


def _needed(checkpoint: Checkpoint | None, guardrails_gib: float) -> str:
    if checkpoint is None:
        return ""
    total = checkpoint.download_gib + guardrails_gib + COMPILE_CACHE_GIB
    return f"{int(-(-total // 10) * 10)}Gi"


def _claim_name(spec: ServingSpec, owner: Owner) -> str:
    if spec.cache.type == "ExistingClaim":
        return spec.cache.claim_name or ""
    return f"{owner.base}-cache" if spec.cache.type == "Claim" else ""

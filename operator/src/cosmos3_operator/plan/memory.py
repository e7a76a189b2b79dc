"""Does one GPU's memory suffice? Figures with their source, never a refusal.

In: the split, the offload mode and the catalog's measured cases. Out: `MemoryFit` and warnings.
"""

from __future__ import annotations

from cosmos3_operator.api.common import Gpu
from cosmos3_operator.catalog.load import Catalog
from cosmos3_operator.catalog.types import Checkpoint, MemoryCase, Surface
from cosmos3_operator.plan.facts import Facts
from cosmos3_operator.plan.types import GpuSplit, MemoryFit

_BF16_BYTES = 2

_TOWERS = 2
"""A checkpoint holds two towers of equal size (2 × 31.2 of 64 billion parameters); a Reasoner
loads one of them. NVIDIA/cosmos-framework configs @5eee9ed5."""

_UNKNOWN = MemoryFit(peak_gib=None, reason="nothing is known about this model's memory")


def fit_generator(
    split: GpuSplit, *, offload: str, checkpoint: Checkpoint | None, catalog: Catalog
) -> MemoryFit:
    """Return what one GPU needs at most, as measured or published for this very split."""
    if checkpoint is None:
        return _UNKNOWN
    cases = [
        case
        for case in catalog.memory_cases(checkpoint.family, Surface.GENERATOR)
        if case.peak_gib and _same(case, split, offload)
    ]
    # NIM reserves what it was configured to, so its figures count only where there are no others.
    worst = max(cases, key=lambda case: (not _of_nim(case), case.peak_gib), default=None)
    if worst is not None:
        shape = f" at {worst.shape}" if worst.shape else ""
        return MemoryFit(
            peak_gib=worst.peak_gib,
            reason=f"peak of {worst.peak_gib:g} GiB per GPU{shape} ({worst.source})",
        )
    if offload != "None":
        return MemoryFit(peak_gib=None, reason="nothing is measured for this split with offload")
    shards = split.world_size if split.hsdp else split.tensor
    weights = catalog.family(checkpoint.family).weights_gib / shards
    return MemoryFit(
        peak_gib=None,
        resident_gib=weights,
        reason=f"the weights alone take {weights:.1f} GiB per GPU; the peak of this split is not "
        "measured",
    )


def fit_reasoner(
    split: GpuSplit,
    *,
    context_tokens: int | None,
    checkpoint: Checkpoint | None,
    catalog: Catalog,
) -> MemoryFit:
    """Add up weights and the KV cache of one context, without which vLLM refuses to start.

    `context_tokens` is the longest context, None where the user does not bound it.
    """
    if checkpoint is None:
        return _UNKNOWN
    family = catalog.family(checkpoint.family)
    weights = family.weights_gib / _TOWERS / split.tensor
    words = f"about {weights:.1f} GiB of weights per GPU"
    tokens = context_tokens or family.context_tokens
    if not (family.head_dim and tokens):
        return MemoryFit(peak_gib=None, reason=f"{words}; the KV cache takes what is left")
    per_token = 2 * family.layers * family.kv_heads * family.head_dim * _BF16_BYTES
    cache = per_token * tokens / 2**30 / split.tensor
    return MemoryFit(
        peak_gib=None,
        resident_gib=weights + cache,
        reason=f"{words}, and {cache:.1f} GiB for the KV cache of one context of {tokens} tokens "
        "(spec.maxModelLength bounds it)",
    )


def memory_warning(fit: MemoryFit, *, gpu_memory_mib: int, products: str) -> str | None:
    """Return a warning if a GPU of this size is too small by the figures, otherwise None."""
    needed = fit.peak_gib or fit.resident_gib or 0.0
    if not gpu_memory_mib or needed * 1024 <= gpu_memory_mib:
        return None
    return (
        f"GPU memory: {fit.reason}, but {products} has {gpu_memory_mib / 1024:.1f} GiB. Use more "
        "GPUs, spec.offload, smaller requests, or a larger GPU"
    )


def largest_gpu(facts: Facts, *, asked: Gpu, catalog: Catalog) -> tuple[int, str]:
    """Return memory in MiB and name of the largest acceptable GPU; (0, "") if none is known.

    The cluster's nodes know best; where they are not known, the products that spec.gpu names do.
    """
    products = asked.products
    known = [
        (node.memory_mib, node.product)
        for node in facts.nodes or ()
        if node.resource_name == asked.resource_name
        and node.memory_mib
        and (not products or node.product in products)
    ]
    named = [(gpu.memory_mib, gpu.product) for p in products if (gpu := catalog.gpu(p))]
    return max(known or (named if facts.nodes is None else []), default=(0, ""))


def _of_nim(case: MemoryCase) -> bool:
    return "NIM" in case.source


def _same(case: MemoryCase, split: GpuSplit, offload: str) -> bool:
    return not case.quantization and (
        case.tensor,
        case.cfg,
        case.ulysses,
        case.hsdp,
        case.offload,
    ) == (split.tensor, split.cfg, split.ulysses, split.hsdp, offload)

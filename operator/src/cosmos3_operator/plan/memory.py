"""How much memory one GPU needs: measured where this very layout was, otherwise estimated in words.

In: the layout of a replica and the catalog's measured cases. Out: `MemoryFit`, a figure with the
formula and the inputs that led to it. An estimate takes the largest that was measured of everything
comparable, so that it errs on the side of too much; it never claims to be more than it is.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from cosmos3_operator.api.arguments import flag_of, names
from cosmos3_operator.catalog.load import Catalog
from cosmos3_operator.catalog.types import Checkpoint, Family, MemoryCase, Runtime, Surface
from cosmos3_operator.plan.types import GpuSplit, MemoryFit

_BF16_BYTES = 2

_TOWERS = 2
"""A checkpoint holds two towers of equal size (2 × 31.2 of 64 billion parameters); a Reasoner
loads one of them. NVIDIA/cosmos-framework configs @5eee9ed5."""

_FP8_SHARE = 0.5
"""Of a Reasoner's weights: one byte each instead of two."""

REASONER_WORK_GIB = 4
"""What vLLM needs beside weights and KV cache, for activations and CUDA graphs: judgement, since
nobody has published it for Cosmos 3."""

_UNKNOWN = MemoryFit(peak_gib=None, reason="nothing is known about this model's memory")


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What decides how much memory one GPU of a Generator needs."""

    split: GpuSplit
    offload: str = "None"
    quantization: str = "None"
    tiling: bool = False

    @property
    def shards(self) -> int:
        """Over how many GPUs the weights are split."""
        return self.split.world_size if self.split.hsdp else self.split.tensor


class _Figure(NamedTuple):
    """A part of an estimate, and what it is made of."""

    gib: float
    words: str


def fit_generator(layout: Layout, *, checkpoint: Checkpoint | None, catalog: Catalog) -> MemoryFit:
    """Return what one GPU needs at most: measured for this very layout, or estimated."""
    if checkpoint is None:
        return _UNKNOWN
    fit = _untiled(layout, checkpoint, catalog)
    return replace(fit, reason=fit.reason + _tiling(catalog)) if layout.tiling else fit


def _tiling(catalog: Catalog) -> str:
    tiling = catalog.vae_tiling
    return (
        f"; vae.tiling is reported to lower the peak by {tiling.peak_reduction_percent} % for "
        f"{tiling.extra_time_percent} % more time ({tiling.source}), which is not counted here"
    )


def _untiled(layout: Layout, checkpoint: Checkpoint, catalog: Catalog) -> MemoryFit:
    cases = [
        case for case in _known(checkpoint, catalog) if case.peak_gib and is_same(case, layout)
    ]
    # NIM reserves what it was configured to, so its figures count only where there are no others.
    worst = max(cases, key=lambda case: (not is_of_nim(case), case.peak_gib), default=None)
    if worst is None:
        return _estimate(layout, checkpoint, catalog)
    shape = f" at {worst.shape}" if worst.shape else ""
    return MemoryFit(
        peak_gib=worst.peak_gib,
        reason=f"peak of {worst.peak_gib:g} GiB per GPU{shape} ({worst.source})",
    )


def fit_reasoner(
    split: GpuSplit,
    *,
    context_tokens: int | None,
    quantization: str,
    checkpoint: Checkpoint | None,
    catalog: Catalog,
    usable_share: float,
) -> MemoryFit:
    """Add up weights, vLLM's own work and the KV cache of one context, without which it refuses.

    `context_tokens` is the longest context, None where the user does not bound it; `usable_share`
    is the part of the GPU's memory that vLLM takes.
    """
    if checkpoint is None:
        return _UNKNOWN
    family = catalog.family(checkpoint.family)
    weights = _reasoner_weights(family, split, quantization)
    words = f"estimated: about {weights:.1f} GiB of weights per GPU"
    tokens = context_tokens or family.context_tokens
    if not (family.head_dim and tokens):
        return MemoryFit(peak_gib=None, reason=f"{words}; the KV cache takes what is left")
    cache = kv_cache_bytes(family) * tokens / 2**30 / split.tensor
    return MemoryFit(
        peak_gib=None,
        resident_gib=weights + cache + REASONER_WORK_GIB,
        usable_share=usable_share,
        reason=f"{words}, {cache:.1f} GiB for the KV cache of one context of {tokens} tokens "
        f"(spec.maxModelLength bounds it) and {REASONER_WORK_GIB} GiB set aside for vLLM's own "
        f"work; vLLM takes {usable_share:.0%} of the GPU".replace("%", " %"),
    )


def longest_context(
    split: GpuSplit, *, quantization: str, family: Family, gpu_gib: float, usable_share: float
) -> int:
    """Return the longest context whose KV cache fits beside the rest, in whole 1024 tokens."""
    if not family.head_dim:
        return 0
    weights = _reasoner_weights(family, split, quantization)
    free = gpu_gib * usable_share - weights - REASONER_WORK_GIB
    tokens = int(free * 2**30 * split.tensor / kv_cache_bytes(family))
    return max(0, min(tokens, family.context_tokens) // 1024 * 1024)


def gpu_memory_share(extra_args: Sequence[str], *, runtime: Runtime) -> float:
    """Return the part of a GPU's memory that vLLM takes: as the user says, or its default."""
    words = [*extra_args, ""]
    for word, following in itertools.pairwise(words):
        if names(flag_of(word), "--gpu-memory-utilization"):
            value = word.partition("=")[2] or following
            if re.fullmatch(r"0?\.\d+|1(\.0*)?", value):
                return float(value)
    return runtime.gpu_memory_share


def kv_cache_bytes(family: Family) -> int:
    """Return what the KV cache of one token takes on all GPUs together, bf16."""
    return 2 * family.layers * family.kv_heads * family.head_dim * _BF16_BYTES


def _reasoner_weights(family: Family, split: GpuSplit, quantization: str) -> float:
    share = 1.0 if quantization == "None" else _FP8_SHARE
    return family.weights_gib / _TOWERS / split.tensor * share


def _estimate(layout: Layout, checkpoint: Checkpoint, catalog: Catalog) -> MemoryFit:
    """Add up what lies in memory at rest and the largest measured work on top of it."""
    family = catalog.family(checkpoint.family)
    rest = _at_rest(layout, family, catalog)
    work = _work(layout, checkpoint, catalog)
    peak = rest.gib + work.gib
    bound = " at most, as without offload," if layout.offload == "Model" else ""
    return MemoryFit(
        peak_gib=peak,
        estimated=True,
        reason=f"estimated: {peak:.1f} GiB per GPU{bound} = {rest.words} + {work.words}; this "
        "layout is not measured",
    )


def _at_rest(layout: Layout, family: Family, catalog: Catalog) -> _Figure:
    """Return what lies in memory while nothing is generated."""
    measured = [case for case in _generator_cases(catalog) if case.at_rest_gib]
    if layout.offload == "Layerwise":
        same = _of_family(family.name, [case for case in measured if case.offload == "Layerwise"])
        most = max(same, key=lambda case: case.at_rest_gib)
        words = (
            f"{most.at_rest_gib:g} GiB at rest with offload Layerwise on one GPU ({most.family})"
        )
        return _Figure(most.at_rest_gib, words)
    weights = family.weights_gib / layout.shards
    words = f"{family.weights_gib:g} GiB of weights / {layout.shards}"
    if layout.quantization != "None":
        share = _quantized_share(layout.quantization, measured)
        weights, words = weights * share.gib, f"{words} × {share.words}"
    beside = _beside_weights(family, measured, catalog)
    return _Figure(weights + beside.gib, f"{words} + {beside.words}")


def _quantized_share(quantization: str, measured: Iterable[MemoryCase]) -> _Figure:
    """Return what is left of the weights: from a layout that was measured with and without."""
    plain = {_layout_of(case): case for case in measured if not case.quantization}
    pairs = [
        (case.at_rest_gib / other.at_rest_gib, case, other)
        for case in measured
        if case.quantization == quantization.lower() and (other := plain.get(_layout_of(case)))
    ]
    share, small, large = max(pairs, key=lambda pair: pair[0])
    words = (
        f"{share:.2f} for {quantization} ({small.family}: {small.at_rest_gib:g} instead of "
        f"{large.at_rest_gib:g} GiB)"
    )
    return _Figure(share, words)


def _beside_weights(family: Family, measured: Iterable[MemoryCase], catalog: Catalog) -> _Figure:
    """Return the most that was measured at rest above the weights."""
    plain = [case for case in measured if case.offload == "None" and not case.quantization]
    most = max(
        case.at_rest_gib - catalog.family(case.family).weights_gib / _shards_of(case)
        for case in _of_family(family.name, plain)
    )
    return _Figure(most, f"{most:.1f} GiB beside them at rest")


def _work(layout: Layout, checkpoint: Checkpoint, catalog: Catalog) -> _Figure:
    """Return the largest measured difference between peak and rest, at the largest shape."""
    measured = [
        case
        for case in _generator_cases(catalog)
        if case.at_rest_gib and case.peak_gib and _within(case, checkpoint)
    ]
    mode = "Layerwise" if layout.offload == "Layerwise" else "None"
    comparable = [case for case in measured if case.offload == mode]
    pool = _of_family(checkpoint.family, comparable or measured)
    largest = max(map(_size, pool))
    most = max(
        (case for case in pool if _size(case) == largest),
        key=lambda case: case.peak_gib - case.at_rest_gib,
    )
    work = most.peak_gib - most.at_rest_gib
    return _Figure(work, f"{work:.1f} GiB of work at {most.shape} (the most that was measured)")


def _known(checkpoint: Checkpoint, catalog: Catalog) -> Iterable[MemoryCase]:
    cases = catalog.memory_cases(checkpoint.family, Surface.GENERATOR)
    return [case for case in cases if _within(case, checkpoint)]


def _generator_cases(catalog: Catalog) -> list[MemoryCase]:
    return [case for case in catalog.memory if case.surface is Surface.GENERATOR]


def _of_family(name: str, cases: Iterable[MemoryCase]) -> list[MemoryCase]:
    """Return the cases of a family or, if there are none, all of them."""
    everything = list(cases)
    return [case for case in everything if case.family == name] or everything


def _within(case: MemoryCase, checkpoint: Checkpoint) -> bool:
    """Whether a checkpoint makes pictures of that size at all."""
    return not checkpoint.max_lines or _size(case)[0] <= checkpoint.max_lines


def _size(case: MemoryCase) -> tuple[int, int]:
    """Return lines and frames of what was generated, (0, 0) if the source does not say."""
    found = re.match(r"(\d+)p(?:×(\d+))?", case.shape)
    return (int(found[1]), int(found[2] or 0)) if found else (0, 0)


def is_of_nim(case: MemoryCase) -> bool:
    """Whether a figure is what NIM sets aside, and not what the server was seen to take."""
    return "NIM" in case.source


def _shards_of(case: MemoryCase) -> int:
    return case.cfg * case.ulysses * case.tensor if case.hsdp else case.tensor


def _layout_of(case: MemoryCase) -> tuple[object, ...]:
    return (case.family, case.degrees, case.offload)


def is_same(case: MemoryCase, layout: Layout) -> bool:
    """Whether a case is about this very layout."""
    wanted = "" if layout.quantization == "None" else layout.quantization.lower()
    return (case.degrees, case.offload, case.quantization) == (
        layout.split.degrees,
        layout.offload,
        wanted,
    )

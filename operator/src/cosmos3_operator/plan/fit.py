"""Are the GPUs large enough, and what would fit? Figures with their source, never a refusal.

In: what one GPU needs, and the GPUs that a pod may land on. Out: warnings in words. Every
acceptable GPU is judged, not the largest alone: the scheduler knows nothing of memory. A way out is
named only if it fits by the same figures.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Protocol

from cosmos3_operator.api.generator import CosmosGeneratorSpec
from cosmos3_operator.api.resource import Spec
from cosmos3_operator.catalog.load import Catalog
from cosmos3_operator.catalog.types import Checkpoint, SurfaceFacts
from cosmos3_operator.plan.facts import Facts
from cosmos3_operator.plan.memory import (
    Layout,
    fit_generator,
    fit_reasoner,
    gpu_memory_share,
    longest_context,
)
from cosmos3_operator.plan.placement import Wanted, admitted_nodes, chosen_nodes, is_capable
from cosmos3_operator.plan.surfaces import Basis
from cosmos3_operator.plan.types import GpuSplit, MemoryFit

_TENSOR = (2, 4, 8)


@dataclass(frozen=True, kw_only=True, order=True)
class Card:
    """One GPU product that a pod may land on."""

    memory_mib: int
    product: str
    compute_capability: str = ""
    """"" if not known."""
    per_node: int = 0
    """The most that one node has; 0 if not known."""

    @property
    def gib(self) -> float:
        """Memory in GiB."""
        return self.memory_mib / 1024

    def __str__(self) -> str:
        """Return e.g. `NVIDIA-L40S (45.0 GiB)`."""
        return f"{self.product or 'unlabelled GPU'} ({self.gib:.1f} GiB)"


class Known(Protocol):
    """What is known of a checkpoint: the basis of a plan has it, and so has who looks at one."""

    @property
    def catalog(self) -> Catalog:
        """All facts."""

    @property
    def checkpoint(self) -> Checkpoint | None:
        """None if it is not catalogued."""

    @property
    def facts(self) -> SurfaceFacts | None:
        """What it needs on the surface in question."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What decides how much memory one GPU of a Reasoner needs."""

    split: GpuSplit
    quantization: str = "None"
    context_tokens: int | None = None
    """None where the user does not bound it."""
    usable_share: float


def acceptable_cards(facts: Facts, *, wanted: Wanted, catalog: Catalog) -> tuple[Card, ...]:
    """Return the GPUs that a pod may land on, the largest first; () if none is known.

    The cluster's nodes know best; where they are not known, the products that spec.gpu names do.
    """
    if facts.nodes is None:
        named = [gpu for product in wanted.products if (gpu := catalog.gpu(product))]
        return _sorted(
            Card(
                memory_mib=gpu.memory_mib,
                product=gpu.product,
                compute_capability=gpu.compute_capability,
            )
            for gpu in named
            if gpu.memory_mib >= wanted.min_memory_mib
        )
    nodes = admitted_nodes(facts.nodes, wanted=wanted) or chosen_nodes(facts.nodes, wanted=wanted)
    most: dict[str, int] = {}
    for node in nodes:
        most[node.product] = max(most.get(node.product, 0), node.gpus)
    return _sorted(
        Card(
            memory_mib=node.memory_mib,
            product=node.product,
            compute_capability=node.compute_capability,
            per_node=most[node.product],
        )
        for node in nodes
        if node.memory_mib
    )


def fit_warnings(
    spec: Spec, basis: Basis, *, fit: MemoryFit, cards: tuple[Card, ...]
) -> Iterator[str]:
    """Yield what is too small or too old about the GPUs that a pod may land on."""
    if old := [card for card in cards if _is_too_old(card, basis.wanted)]:
        yield _too_old(old, basis.wanted, everything=len(old) == len(cards))
    small = [card for card in cards if not fits(fit, card)]
    if not small:
        return
    large = [card for card in cards if fits(fit, card)]
    if large:
        yield _mixed(fit, small, large)
    else:
        yield (
            f"GPU memory: {fit.reason}; the largest acceptable GPU is {small[0]}. "
            f"{_ways_out(spec, basis, small[0])}"
        )


def fits(fit: MemoryFit, card: Card) -> bool:
    """Whether a GPU is large enough by the figures, as far as there are any."""
    return (fit.needed_gib or 0.0) <= card.gib * fit.usable_share


def _mixed(fit: MemoryFit, small: list[Card], large: list[Card]) -> str:
    least = (fit.needed_gib or 0.0) / fit.usable_share
    floor = f"{int(-(-least // 1))}Gi" if -(-least // 1) <= large[-1].gib else f"{least:.1f}Gi"
    return (
        f"gpu: a pod may land on {', '.join(map(str, small))}, which is too small: {fit.reason}. "
        f"Set spec.gpu.minMemory to {floor}, or name {', '.join(card.product for card in large)} "
        "in spec.gpu.products"
    )


def _is_too_old(card: Card, wanted: Wanted) -> bool:
    return not is_capable(card.compute_capability, wanted.compute_capability)


def _too_old(old: list[Card], wanted: Wanted, *, everything: bool) -> str:
    names = ", ".join(
        dict.fromkeys(
            f"{card.product} (compute capability {card.compute_capability})" for card in old
        )
    )
    may = "every acceptable GPU is too old" if everything else "a pod may land on a GPU too old"
    return (
        f"gpu: {may}: {names}, and compute capability {wanted.compute_capability} is needed. Name "
        "newer ones in spec.gpu.products, or ask for less (spec.quantization)"
    )


def _ways_out(spec: Spec, basis: Basis, card: Card) -> str:
    """Name what fits the GPU by the same figures."""
    if isinstance(spec, CosmosGeneratorSpec):
        now = Layout(split=basis.split, offload=spec.offload, quantization=spec.quantization)
        found = list(generator_changes(now, basis, card))
    else:
        reading = Reading(
            split=basis.split,
            quantization=spec.quantization,
            context_tokens=getattr(spec, "max_model_length", None),
            usable_share=gpu_memory_share(spec.extra_args, runtime=basis.runtime),
        )
        found = list(reasoner_changes(reading, basis, card))
    if not found:
        return "Nothing fits it by the same figures: use a larger GPU"
    return f"By the same figures it fits with {', or '.join(found)}"


def generator_changes(now: Layout, known: Known, card: Card) -> Iterator[str]:
    """Yield single changes that fit or, if none does, a pair of them."""
    single = [*_splits(now, known, card), *_savings(now, known, card)]
    found = list(_fitting(single, known, card))
    if not found:
        pairs = [
            (f"{words} and {more}", layout)
            for words, first in _splits(now, known, card)
            for more, layout in _savings(first, known, card)
        ]
        found = list(_fitting(pairs, known, card))[:1]
    yield from found


def _fitting(changes: Iterable[tuple[str, Layout]], known: Known, card: Card) -> Iterator[str]:
    """Yield the changes that fit; of several splits, only the one with the fewest GPUs."""
    seen: set[tuple[str, str]] = set()
    for words, layout in changes:
        kind = (layout.offload, layout.quantization)
        fit = fit_generator(layout, checkpoint=known.checkpoint, catalog=known.catalog)
        if kind not in seen and fit.needed_gib and fits(fit, card):
            seen.add(kind)
            about = "about " if fit.estimated else ""
            yield f"{words} ({about}{fit.needed_gib:.1f} GiB{_host(layout, known)})"


def _host(layout: Layout, known: Known) -> str:
    gib = known.facts.host_memory_offload_gib if known.facts else 0
    return f" and {gib} GiB of host memory" if layout.offload != "None" else ""


def _splits(now: Layout, known: Known, card: Card) -> Iterator[tuple[str, Layout]]:
    """Yield legal splits that leave less on each GPU, the fewest GPUs first."""
    for split in _more_tensor(now.split, known, card):
        yield _parallelism(split), replace(now, split=split)
    sharded = replace(now.split, hsdp=True)
    if now.split.tensor == 1 and now.split.world_size > 1 and not now.split.hsdp:
        yield _parallelism(sharded), replace(now, split=sharded)


def _more_tensor(split: GpuSplit, known: Known, card: Card) -> Iterator[GpuSplit]:
    heads = known.catalog.family(known.checkpoint.family).kv_heads if known.checkpoint else 1
    for tensor in _TENSOR:
        wider = replace(split, tensor=tensor, hsdp=False)
        too_many = card.per_node and wider.world_size > card.per_node
        if tensor > split.tensor and heads % (tensor * split.ulysses) == 0 and not too_many:
            yield wider


def _savings(now: Layout, known: Known, card: Card) -> Iterator[tuple[str, Layout]]:
    if now.quantization == "None" and _computes(card, "FP8", known.catalog):
        yield "spec.quantization FP8", replace(now, quantization="FP8")
    if now.offload == "None" and known.facts and known.facts.host_memory_offload_gib:
        yield "spec.offload Layerwise", replace(now, offload="Layerwise")


def _computes(card: Card, quantization: str, catalog: Catalog) -> bool:
    known = catalog.quantization(quantization)
    capability = card.compute_capability
    if not capability and (gpu := catalog.gpu(card.product)):
        capability = gpu.compute_capability
    if known is None or not capability:
        return False
    return is_capable(capability, known.min_compute_capability)


def _parallelism(split: GpuSplit) -> str:
    degrees = {"tensor": split.tensor, "cfg": split.cfg, "ulysses": split.ulysses}
    words = [f"{name}: {degree}" for name, degree in degrees.items() if degree > 1]
    return f"spec.parallelism {{{', '.join([*words, *['hsdp: true'] * split.hsdp])}}}"


def reasoner_changes(now: Reading, known: Known, card: Card) -> Iterator[str]:
    """Yield a shorter context, more GPUs, and smaller weights, where they fit."""
    if known.checkpoint is None:
        return
    tokens = longest_context(
        now.split,
        quantization=now.quantization,
        family=known.catalog.family(known.checkpoint.family),
        gpu_gib=card.gib,
        usable_share=now.usable_share,
    )
    if tokens:
        yield f"spec.maxModelLength {tokens}"

    def needs(split: GpuSplit, quantization: str) -> MemoryFit:
        return fit_reasoner(
            split,
            context_tokens=now.context_tokens,
            quantization=quantization,
            checkpoint=known.checkpoint,
            catalog=known.catalog,
            usable_share=now.usable_share,
        )

    for split in _more_tensor(now.split, known, card):
        if fits(fit := needs(split, now.quantization), card):
            yield f"{_parallelism(split)} (about {fit.needed_gib:.1f} GiB)"
            break
    smaller = needs(now.split, "FP8")
    is_new = now.quantization == "None" and _computes(card, "FP8", known.catalog)
    if is_new and fits(smaller, card):
        yield f"spec.quantization FP8 (about {smaller.needed_gib:.1f} GiB)"


def _sorted(cards: Iterable[Card]) -> tuple[Card, ...]:
    return tuple(sorted(set(cards), reverse=True))

"""How many GPUs, and how a replica is split over them.

In: what the user said about parallelism, and the checkpoint's facts. Out: `GpuSplit`. The container
asks for exactly the world size: fewer hangs the server, more would idle.
"""

from __future__ import annotations

from cosmos3_operator.api.generator import Parallelism as GeneratorParallelism
from cosmos3_operator.api.reasoner import Parallelism as ReasonerParallelism
from cosmos3_operator.catalog.load import Catalog
from cosmos3_operator.catalog.types import Checkpoint, SpeedCase, Surface
from cosmos3_operator.plan.types import GpuSplit

MAX_WHOLE_WEIGHTS_GIB = 64
"""Weights above this do not fit beside their activations on an 80 GB GPU, so a split that leaves
them whole shards them (HSDP). Nano (29.5 GiB) stays whole, Super (120.9 GiB) is sharded."""


def split_generator(
    asked: GeneratorParallelism,
    *,
    products: tuple[str, ...] = (),
    checkpoint: Checkpoint | None,
    catalog: Catalog,
) -> GpuSplit:
    """Return the split of a Generator's replica."""
    if asked.gpus is not None:
        goal = asked.goal or "Latency"
        return _chosen(
            asked.gpus, goal=goal, products=products, checkpoint=checkpoint, catalog=catalog
        )
    if all(d is None for d in (asked.tensor, asked.cfg, asked.ulysses)) and not asked.hsdp:
        return _default(checkpoint, Surface.GENERATOR)
    return GpuSplit(
        tensor=asked.tensor or 1,
        cfg=asked.cfg or 1,
        ulysses=asked.ulysses or 1,
        hsdp=bool(asked.hsdp),
        reason="as spec.parallelism says",
    )


def split_reasoner(asked: ReasonerParallelism, *, checkpoint: Checkpoint | None) -> GpuSplit:
    """Return the split of a Reasoner's replica."""
    if asked.tensor is None:
        return _default(checkpoint, Surface.REASONER)
    return GpuSplit(tensor=asked.tensor, reason="as spec.parallelism says")


def _default(checkpoint: Checkpoint | None, surface: Surface) -> GpuSplit:
    if checkpoint is None:
        return GpuSplit(
            reason="this model is not in the catalog: one GPU, unless spec.parallelism says more"
        )
    facts = checkpoint.surfaces[surface]
    return GpuSplit(
        tensor=facts.default_tensor,
        cfg=facts.default_cfg,
        ulysses=facts.default_ulysses,
        reason=f"the catalog's default for {checkpoint.model}",
    )


def _chosen(
    gpus: int,
    *,
    goal: str,
    products: tuple[str, ...],
    checkpoint: Checkpoint | None,
    catalog: Catalog,
) -> GpuSplit:
    """Split a number of GPUs: as published where something is, otherwise by rule."""
    if checkpoint is not None and (case := _published(gpus, goal, products, checkpoint, catalog)):
        return GpuSplit(
            tensor=case.tensor,
            cfg=case.cfg,
            ulysses=case.ulysses,
            hsdp=case.hsdp,
            reason=f"for {goal} on {_count(gpus)} as published for the {case.family} family: "
            f"{case.shape} in {case.seconds:g} s on {case.gpu} ({case.source})",
        )
    distilled = checkpoint is not None and checkpoint.distilled
    large = (
        checkpoint is not None
        and catalog.family(checkpoint.family).weights_gib > MAX_WHOLE_WEIGHTS_GIB
    )
    if gpus == 1:
        return GpuSplit(reason="one GPU: nothing to split")
    # Of an unknown model not even the size is known: whole weights on each GPU would be a gamble.
    if goal == "Latency" and gpus % 2 == 0 and checkpoint is not None and not distilled:
        return _branches_first(gpus, large=large)
    return _weights_first(gpus, goal=goal)


def _published(
    gpus: int,
    goal: str,
    products: tuple[str, ...],
    checkpoint: Checkpoint,
    catalog: Catalog,
) -> SpeedCase | None:
    """Return the fastest published layout, on the wanted products if there is one for them."""
    usable = [
        case
        for case in catalog.speed_cases(checkpoint.family, gpus=gpus, goal=goal)
        if case.offload == "None" and not (checkpoint.distilled and case.cfg > 1)
    ]
    wanted = [case for case in usable if case.gpu in products]
    return min(wanted or usable, key=lambda case: case.seconds, default=None)


def _branches_first(gpus: int, *, large: bool) -> GpuSplit:
    """Split for latency: both guidance branches at once, the sequence over the rest."""
    sharded = "; the weights are sharded, since they do not fit one GPU whole" if large else ""
    return GpuSplit(
        cfg=2,
        ulysses=gpus // 2,
        hsdp=large,
        reason=f"for Latency on {_count(gpus)} by rule: cfg 2 computes both guidance branches at "
        f"once, Ulysses splits the sequence{sharded}; no figure is published for this number",
    )


def _weights_first(gpus: int, *, goal: str) -> GpuSplit:
    """Split the weights, which leaves most memory for each request."""
    cfg = 2 if gpus > 8 and gpus % 2 == 0 else 1
    return GpuSplit(
        tensor=gpus // cfg,
        cfg=cfg,
        reason=f"for {goal} on {_count(gpus)} by rule: tensor parallel splits the weights; no "
        "figure is published for this number",
    )


def _count(gpus: int) -> str:
    return f"{gpus} GPU{'' if gpus == 1 else 's'}"

"""CosmosGenerator: the face of a checkpoint that makes video, images, sound and robot actions."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from cosmos3_operator.api.base import Bool, Int, Model, Whole
from cosmos3_operator.api.common import Media, Runtime, ServingSpec, shared_rules
from cosmos3_operator.api.rules import Checked, Rule, Values, cel_list, cel_text
from cosmos3_operator.api.topology import surface_rules
from cosmos3_operator.catalog.load import load
from cosmos3_operator.catalog.types import Surface


def _gpus_alone(parallelism: Parallelism) -> Values | None:
    degrees = (parallelism.tensor, parallelism.cfg, parallelism.ulysses, parallelism.hsdp)
    return {} if parallelism.gpus is not None and any(d is not None for d in degrees) else None


def _hsdp_alone(parallelism: Parallelism) -> Values | None:
    tensor = parallelism.tensor or 1
    return {"tensor": tensor} if parallelism.hsdp and tensor > 1 else None


def _hsdp_needs_ranks(parallelism: Parallelism) -> Values | None:
    ranks = (parallelism.cfg or 1) * (parallelism.ulysses or 1)
    return {} if parallelism.hsdp and ranks == 1 else None


_ONE_OR_TWO = Checked(
    Rule(
        cel="self == 1 || self == 2",
        message="must be 1 or 2: guidance has two branches, and 2 computes them on two GPUs at "
        "once; use tensor or ulysses for more GPUs",
        check=lambda cfg: None if cfg in (1, 2) else {},
    )
)


class Parallelism(Model):
    """How one replica is split over GPUs: either degrees, or a number of GPUs and a goal."""

    tensor: Annotated[int, Whole(1, 8)] | None = None
    """Tensor parallel degree: splits weights and attention heads. 1 if another degree is given."""
    cfg: Annotated[Int, _ONE_OR_TWO] | None = None
    """Classifier-free-guidance parallel degree: 2 computes both branches at once."""
    ulysses: Annotated[int, Whole(1, 8)] | None = None
    """Ulysses sequence parallel degree: splits the sequence of latents."""
    hsdp: Bool | None = None
    """Shard the weights over all GPUs of the replica. Adds no GPUs; not with tensor above 1."""
    gpus: Annotated[int, Whole(1, 16)] | None = None
    """GPUs of one replica, instead of degrees: the planner chooses the split."""
    goal: Literal["Latency", "Throughput"] | None = None
    """What gpus is optimised for; Latency by default."""

    rules: ClassVar = (
        Rule(
            cel="!has(self.gpus) || !(has(self.tensor) || has(self.cfg) || has(self.ulysses) || "
            "has(self.hsdp))",
            message="takes either gpus or the degrees tensor, cfg, ulysses and hsdp: drop one side",
            check=_gpus_alone,
        ),
        Rule(
            cel="!has(self.goal) || has(self.gpus)",
            message="goal needs gpus: degrees leave nothing to choose; set gpus or drop goal",
            check=lambda p: {} if p.goal is not None and p.gpus is None else None,
        ),
        Rule(
            cel="!(has(self.hsdp) && self.hsdp && has(self.tensor) && self.tensor > 1)",
            message="hsdp does not work with tensor {tensor}: drop one of them",
            values={"tensor": cel_text("self.tensor", 8)},
            check=_hsdp_alone,
        ),
        Rule(
            cel="!(has(self.hsdp) && self.hsdp) || "
            "(has(self.cfg) && self.cfg > 1) || (has(self.ulysses) && self.ulysses > 1)",
            message="hsdp has one GPU to shard over: raise cfg or ulysses, or drop hsdp",
            check=_hsdp_needs_ranks,
        ),
    )


class Guardrails(Model):
    """The safety models that check prompts and blur faces."""

    mode: Literal["Enabled", "Disabled"] = "Enabled"
    """Enabled loads them (about 17 GB more to download, a gated repository) and checks each
    request. Disabled does not load them; no request can turn them on again."""
    offload_models: Bool = False
    """Keep the guardrail models in host memory between requests. Needs a runtime that takes deploy
    configs (vLLM-Omni 0.30 or newer)."""

    rules: ClassVar = (
        Rule(
            cel="self.mode == 'Enabled' || !self.offloadModels",
            message="offloadModels needs mode Enabled: with Disabled nothing is loaded that could "
            "be offloaded, so drop it",
            check=lambda g: {} if g.mode == "Disabled" and g.offload_models else None,
        ),
    )


class Vae(Model):
    """The decoder that turns latents into frames: it takes the peak of GPU memory."""

    tiling: Bool = False
    """Decode in tiles: a much lower peak for somewhat more time."""
    slicing: Bool = False
    """Decode one video of a request after the other."""


_KNOWN = {c.model: c for c in load().checkpoints if Surface.GENERATOR in c.surfaces}
_DISTILLED = sorted(model for model, c in _KNOWN.items() if c.distilled)
_DIVIDED = {model: load().family(c.family).kv_heads for model, c in _KNOWN.items()}


def _indivisible(spec: CosmosGeneratorSpec) -> Values | None:
    tensor, ulysses = spec.parallelism.tensor or 1, spec.parallelism.ulysses or 1
    heads = _DIVIDED.get(spec.model)
    if heads is None or heads % (tensor * ulysses) == 0:
        return None
    return {"tensor": tensor, "ulysses": ulysses, "product": tensor * ulysses, "model": spec.model}


def _impossible_gpus(spec: CosmosGeneratorSpec) -> Values | None:
    gpus = spec.parallelism.gpus
    if spec.model not in _KNOWN or gpus is None or gpus in (1, 2, 4, 8):
        return None
    if gpus == 16 and spec.model not in _DISTILLED:
        return None
    return {"gpus": gpus, "model": spec.model}


def _cfg_of_distilled(spec: CosmosGeneratorSpec) -> Values | None:
    if spec.model not in _DISTILLED or (spec.parallelism.cfg or 1) == 1:
        return None
    return {"cfg": spec.parallelism.cfg, "model": spec.model}


_TENSOR = "(has(self.parallelism.tensor) ? self.parallelism.tensor : 1)"
_ULYSSES = "(has(self.parallelism.ulysses) ? self.parallelism.ulysses : 1)"


class CosmosGeneratorSpec(ServingSpec):
    """What a CosmosGenerator should be."""

    parallelism: Parallelism = Parallelism()
    """How one replica is split over GPUs. The container asks for exactly tensor × cfg × ulysses
    GPUs; by default the split that the catalog names for the checkpoint."""
    offload: Literal["None", "Layerwise", "Model"] = "None"
    """Keep weights in host memory to save GPU memory, at the price of speed: Layerwise moves
    transformer layers in and out, Model whole parts. Needs host memory (spec.pod.resources)."""
    vae: Vae = Vae()
    """How the decoder saves GPU memory."""
    guardrails: Guardrails = Guardrails()
    """The safety models; on unless you say otherwise."""
    runtime: Runtime = Runtime()
    """Which model server runs."""
    media: Media | None = None
    """Local media that requests may name."""

    rules: ClassVar = (
        *surface_rules(Surface.GENERATOR),
        Rule(
            cel=f"!(self.model in {cel_list(sorted(_DIVIDED))}) || "
            f"{_TENSOR} < 1 || {_ULYSSES} < 1 || {_TENSOR} * {_ULYSSES} in [1, 2, 4, 8]",
            message="tensor {tensor} × ulysses {ulysses} = {product} must divide "
            "8, the number of key/value heads of {model}: choose 1, 2, 4 or 8 in all",
            values={
                "tensor": cel_text(_TENSOR, 8),
                "ulysses": cel_text(_ULYSSES, 8),
                "product": cel_text(f"{_TENSOR} * {_ULYSSES}", 64),
                "model": "self.model",
            },
            check=_indivisible,
            path=".parallelism",
            needs=("parallelism",),
        ),
        Rule(
            cel=f"!(self.model in {cel_list(sorted(_KNOWN))}) || !has(self.parallelism.gpus) || "
            f"self.parallelism.gpus in [1, 2, 4, 8] || (self.parallelism.gpus == 16 && "
            f"!(self.model in {cel_list(_DISTILLED)}))",
            message="{gpus} GPUs cannot be split for {model}: tensor × "
            "ulysses must divide 8 and cfg is at most 2 (1 for 4-step checkpoints), so use 1, 2, "
            "4, 8 or 16 (at most 8 for 4-step checkpoints)",
            values={"gpus": cel_text("self.parallelism.gpus", 16), "model": "self.model"},
            check=_impossible_gpus,
            path=".parallelism.gpus",
            needs=("parallelism",),
        ),
        Rule(
            cel=f"!(self.model in {cel_list(_DISTILLED)}) || !has(self.parallelism.cfg) || "
            "self.parallelism.cfg == 1",
            message="{cfg} is not possible with {model}: a 4-step checkpoint runs without "
            "classifier-free guidance, so leave cfg out and use tensor or ulysses",
            values={"cfg": cel_text("self.parallelism.cfg", 2), "model": "self.model"},
            check=_cfg_of_distilled,
            path=".parallelism.cfg",
            needs=("parallelism",),
        ),
        *shared_rules(Surface.GENERATOR),
    )

"""CosmosReasoner: the face of a checkpoint that reads text and vision and answers in text."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from cosmos3_operator.api.base import Model, Str, Whole
from cosmos3_operator.api.common import Media, Runtime, ServingSpec, shared_rules
from cosmos3_operator.api.fields import SUBDOMAIN
from cosmos3_operator.api.rules import Rule, Values, cel_list, cel_text, matches
from cosmos3_operator.api.topology import surface_rules
from cosmos3_operator.catalog.load import load
from cosmos3_operator.catalog.types import Surface


class Parallelism(Model):
    """How one replica is split over GPUs."""

    tensor: Annotated[int, Whole(1, 16)] | None = None
    """Tensor parallel degree, which is also the number of GPUs of one replica; by default what the
    catalog names for the checkpoint."""


class ReasonerRuntime(Runtime):
    """Which vLLM runs: by default the catalog's choice for the checkpoint."""

    mode: Literal["Native", "Plugin"] | None = None
    """Native for vLLM 0.23 and newer, which know the architecture. Plugin for 0.22 and older, with
    an image of your own that contains the vllm-cosmos3 plugin. Follows from version by default."""

    rules: ClassVar = (
        Rule(
            cel="!has(self.mode) || self.mode != 'Plugin' || has(self.image)",
            message="mode Plugin needs image: no public image contains the vllm-cosmos3 plugin; "
            "build one, or drop the mode to use a native vLLM",
            check=lambda r: {} if r.mode == "Plugin" and r.image is None else None,
        ),
    )


class VideoOptions(Model):
    """How the frames of a video in a request are read."""

    num_frames: Annotated[int, Whole(-1, 65536)] | None = None
    """Frames read before sampling; -1 for all of them. Requests that ask for a frame rate
    themselves conflict with -1."""
    fps: Annotated[int, Whole(1, 240)] | None = None
    """Frames read per second of video."""

    rules: ClassVar = (
        Rule(
            cel="!has(self.numFrames) || self.numFrames != 0",
            message="0 reads nothing: use -1 for all frames or a positive number",
            check=lambda v: {} if v.num_frames == 0 else None,
            path=".numFrames",
        ),
    )


_KNOWN = {c.model: c for c in load().checkpoints if Surface.REASONER in c.surfaces}
_DIVIDED = {model: load().family(c.family).kv_heads for model, c in _KNOWN.items()}

Domain = Annotated[
    Str,
    Field(max_length=253),
    matches(
        rf"^{SUBDOMAIN}$",
        "a host name such as media.example.com, without scheme or path",
    ),
]


def _indivisible(spec: CosmosReasonerSpec) -> Values | None:
    tensor, heads = spec.parallelism.tensor or 1, _DIVIDED.get(spec.model)
    if heads is None or heads % tensor == 0:
        return None
    return {"tensor": tensor, "model": spec.model}


class CosmosReasonerSpec(ServingSpec):
    """What a CosmosReasoner should be."""

    parallelism: Parallelism = Parallelism()
    """How one replica is split over GPUs."""
    runtime: ReasonerRuntime = ReasonerRuntime()
    """Which vLLM runs."""
    revision: (
        Annotated[
            Str,
            Field(max_length=128),
            matches("^[A-Za-z0-9._/-]+$", "a branch, a tag or a commit such as main"),
        ]
        | None
    ) = None
    """Revision of the repository: a branch, a tag or a commit."""
    max_model_length: Annotated[int, Whole(256, 1048576)] | None = None
    """Longest context, tokens: bounds the memory of the KV cache. The model's own limit by
    default (262144 for Cosmos 3)."""
    video: VideoOptions = VideoOptions()
    """How videos in requests are read."""
    media: Media | None = None
    """Local media that requests may name."""
    allowed_media_domains: Annotated[tuple[Domain, ...], Field(max_length=64)] = ()
    """Hosts from which requests may have media fetched; any host if empty."""

    rules: ClassVar = (
        *surface_rules(Surface.REASONER),
        Rule(
            cel=f"!(self.model in {cel_list(sorted(_DIVIDED))}) || "
            "!has(self.parallelism.tensor) || self.parallelism.tensor < 1 || "
            "self.parallelism.tensor in [1, 2, 4, 8]",
            message="{tensor} must divide 8, the number of key/value "
            "heads of {model}: choose 1, 2, 4 or 8",
            values={"tensor": cel_text("self.parallelism.tensor", 16), "model": "self.model"},
            check=_indivisible,
            path=".parallelism.tensor",
            needs=("parallelism",),
        ),
        *shared_rules(Surface.REASONER),
    )

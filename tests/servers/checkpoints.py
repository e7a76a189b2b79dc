"""Which tiny checkpoint stands for which model.

In: a model's name and the catalog. Out: a shape with the model's own numbers of heads, since every
rule about parallelism is about them, and a few layers.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from cosmos3_operator.catalog.load import Catalog, load
from cosmos3_operator.catalog.types import Checkpoint
from servers.errors import ServerError

_LAYERS_PER_LAYER = 18
"""Layers of the model for which the tiny one has one: judgement, 2 for Nano and 3 for Super."""
_HEAD_DIM = 32
"""The smallest that vLLM's attention for CPUs computes."""
_BYTES_PER_VALUE = 2
_STAND_IN = "nvidia/Cosmos3-Nano"
"""Whose shape a model has that the catalog does not know."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What a tiny checkpoint is told; all else about it is the same for every model."""

    layers: int
    heads: int
    kv_heads: int
    context_tokens: int
    head_dim: int = _HEAD_DIM

    def as_dict(self) -> dict[str, int]:
        """Return it as the builder reads it."""
        return asdict(self)

    @property
    def kv_bytes_per_token(self) -> int:
        """Bytes that one token takes in the KV cache of a Reasoner: keys and values, bf16."""
        return self.layers * 2 * self.kv_heads * self.head_dim * _BYTES_PER_VALUE


def shape_of(model: str, catalog: Catalog | None = None) -> Shape:
    """Return the shape that stands for a model.

    Raises ServerError for a checkpoint whose architecture or scheduler is another one.
    """
    catalog = catalog or load()
    checkpoint = catalog.checkpoint(model) or catalog.checkpoint(_STAND_IN)
    if checkpoint is None:
        raise ServerError(f"the catalog has lost {_STAND_IN}")
    _must_be_plain(checkpoint)
    family = catalog.family(checkpoint.family)
    return Shape(
        layers=family.layers // _LAYERS_PER_LAYER,
        heads=family.attention_heads,
        kv_heads=family.kv_heads,
        context_tokens=family.context_tokens,
    )


def _must_be_plain(checkpoint: Checkpoint) -> None:
    if checkpoint.family == "edge" or checkpoint.distilled or checkpoint.pipeline:
        raise ServerError(
            f"there is no tiny checkpoint for {checkpoint.model}, whose architecture, scheduler or "
            "pipeline is its own: use nvidia/Cosmos3-Nano or nvidia/Cosmos3-Super"
        )

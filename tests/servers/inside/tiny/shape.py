"""What a tiny checkpoint keeps of its model, and what all of them have in common.

Head counts and context limit are the model's own, because the rules about parallelism and length
are about them; all that costs time or memory is small.
"""

from __future__ import annotations

from dataclasses import dataclass

HIDDEN = 64
INTERMEDIATE = 128
ROPE_THETA = 5_000_000.0


@dataclass(frozen=True, kw_only=True)
class Shape:
    """One kind of checkpoint, as `servers.checkpoints` describes it."""

    layers: int
    heads: int
    kv_heads: int
    context_tokens: int
    head_dim: int

    @property
    def mrope_section(self) -> list[int]:
        """How time, height and width share the rotary frequencies, as evenly as it goes."""
        frequencies = self.head_dim // 2
        spatial = frequencies // 3
        return [frequencies - 2 * spatial, spatial, spatial]

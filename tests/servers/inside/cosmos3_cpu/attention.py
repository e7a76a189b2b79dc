"""Attention for the CPU: vLLM-Omni's own SDPA backend, whose choice by device has no word for ours.

Its implementation expands key and value heads where PyTorch has no fused kernel for grouped
queries, which it never has on a CPU.
"""

from __future__ import annotations

from typing import Any

import torch
from vllm_omni.diffusion.attention.backends.sdpa import SDPABackend, SDPAImpl


class CpuAttention(SDPAImpl):
    """Computes attention by PyTorch's scaled dot product, on whatever device the tensors are."""

    def forward(
        self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, attn_metadata: Any = None
    ) -> torch.Tensor:
        """Go the way of the CUDA branch, which holds no CUDA."""
        return self.forward_cuda(query, key, value, attn_metadata)


class CpuAttentionBackend(SDPABackend):
    """Names the implementation."""

    @staticmethod
    def get_impl_cls() -> type[CpuAttention]:
        """Return the implementation."""
        return CpuAttention

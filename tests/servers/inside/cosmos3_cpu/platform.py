"""vLLM's CPU platform with the answers that vLLM-Omni wants beside it.

In: questions about devices. Out: one CPU, its memory, and no compiler. Written against vLLM-Omni
0.30.0.
"""

from __future__ import annotations

import os
from typing import Any

import torch
from vllm.platforms.cpu import CpuPlatform
from vllm_omni.platforms.interface import OmniPlatform, OmniPlatformEnum


class CpuOmniPlatform(OmniPlatform, CpuPlatform):
    """One device: the CPU."""

    _omni_enum = OmniPlatformEnum.OOT

    @classmethod
    def get_diffusion_attn_backend_cls(cls, *choice: Any, **more: Any) -> str:
        """Return the only attention there is, whatever was chosen."""
        del choice, more
        return f"{__package__}.attention.CpuAttentionBackend"

    @classmethod
    def get_default_stage_config_path(cls) -> str:
        """Return where the wheel keeps its own deploy configurations."""
        return "vllm_omni/deploy"

    @classmethod
    def supports_torch_inductor(cls) -> bool:
        """Compile nothing: it would need a C++ compiler, and a tiny model gains nothing."""
        return False

    @classmethod
    def get_torch_device(cls, local_rank: int | None = None) -> torch.device:
        """Return the CPU for every rank."""
        del local_rank
        return torch.device("cpu")

    @classmethod
    def get_device_count(cls) -> int:
        """Count one device."""
        return 1

    @classmethod
    def get_device_version(cls) -> str | None:
        """Return nothing: a CPU has no driver version."""
        return None

    @classmethod
    def synchronize(cls) -> None:
        """Do nothing: work on a CPU is done when the call returns."""

    @classmethod
    def get_free_memory(cls, device: torch.device | None = None) -> int:
        """Return the memory, in bytes, that the machine can still give."""
        del device
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")

    @classmethod
    def get_device_memory(cls, device: torch.device | None = None) -> tuple[int, int]:
        """Return free and total memory in bytes."""
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        return cls.get_free_memory(device), total

    @classmethod
    def reset_peak_memory_stats(cls, device: Any = None) -> None:
        """Do nothing: nobody counts what a CPU's tensors take."""

    @classmethod
    def max_memory_allocated(cls, device: Any = None) -> int:
        """Return 0 bytes, which the server reports as the peak of a request."""
        del device
        return 0

    max_memory_reserved = max_memory_allocated

    @classmethod
    def empty_cache(cls) -> None:
        """Do nothing: there is no cache of device memory."""

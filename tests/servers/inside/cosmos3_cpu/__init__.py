"""A platform for vLLM-Omni on the CPU, found through its entry point for platform plugins.

vLLM has a CPU platform, vLLM-Omni has none: without this, its server ends with NotImplementedError
on a machine without a GPU. This module is all that is imported before a platform is chosen, so it
imports nothing itself.
"""

PLATFORM = f"{__name__}.platform.CpuOmniPlatform"


def plugin() -> str:
    """Name the platform; being asked is being wanted, since only CPU servers see this package."""
    return PLATFORM

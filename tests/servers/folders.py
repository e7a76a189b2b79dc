"""Where servers keep what outlives them: what was built once, for all checkouts."""

from __future__ import annotations

from pathlib import Path

from bed.caches import cache_folder

HERE = Path(__file__).parent
INSIDE = HERE / "inside"
"""Code that runs within a runtime's environment."""


def cache_root() -> Path:
    """Return the folder of runtimes and weights, outside of any checkout."""
    return cache_folder("servers", variable="COSMOS3_SERVERS_CACHE")

"""Where servers keep what outlives them: what was built once, for all checkouts."""

from __future__ import annotations

import os
from pathlib import Path

HERE = Path(__file__).parent
INSIDE = HERE / "inside"
"""Code that runs within a runtime's environment."""


def cache_root() -> Path:
    """Return the folder of runtimes and weights, outside of any checkout."""
    override = os.environ.get("COSMOS3_SERVERS_CACHE")
    if override:
        return Path(override).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser().absolute() / "cosmos3-operator" / "servers"

"""Where compiled and fetched things are kept: outside of any checkout, so that all share them."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder(name: str, *, variable: str) -> Path:
    """Return the folder of this name; a set environment variable names another one."""
    override = os.environ.get(variable)
    if override:
        return Path(override).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser().absolute() / "cosmos3-operator" / name

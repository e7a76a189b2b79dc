"""What the operator's own command line says to the planner, as data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Options that decide about plans; the same for every resource."""

    preflight_image: str = ""
    """Image of the Jobs that look before a GPU is taken; "" if there is none, then nobody looks."""


DEFAULTS = Settings()
"""What holds where nothing is said."""

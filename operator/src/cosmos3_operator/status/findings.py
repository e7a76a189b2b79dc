"""What a check found, as a value."""

from __future__ import annotations

from dataclasses import dataclass

from cosmos3_operator.api.conditions import Reason


@dataclass(frozen=True, kw_only=True)
class Finding:
    """The one answer to “is it ready, and if not, why not?”."""

    reason: Reason
    message: str
    """Why, with figures that do not flap, and what to do."""
    ready: bool = False
    stalled: bool = False
    """Nothing will get better without somebody doing something."""
    requeue_after: float | None = None
    """Look again after this many seconds, where no event will tell."""

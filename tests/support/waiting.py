"""Waiting for conditions, with ceilings for machines that are many times slower."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

PATIENCE_SECONDS = 240.0
_POLL_SECONDS = 0.1


class NeverHappenedError(AssertionError):
    """A condition did not come true in time; carries what was last seen."""


def eventually(
    look: Callable[[], T],
    holds: Callable[[T], object],
    *,
    what: str,
    seconds: float = PATIENCE_SECONDS,
) -> T:
    """Return the first look for which the condition holds."""
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        if holds(seen):
            return seen
        if time.monotonic() > deadline:
            raise NeverHappenedError(f"{what} did not happen in {seconds:g} s; last seen: {seen}")
        time.sleep(_POLL_SECONDS)

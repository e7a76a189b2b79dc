"""How long to wait before a key is tried again.

In: a key and the version of its resource. Out: seconds, doubling from one second to five minutes,
with jitter so that a thousand keys that failed together do not come back together. Success or a
new version of the resource starts anew.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable

FIRST_SECONDS = 1.0
LONGEST_SECONDS = 300.0
JITTER = 0.2


class Backoff:
    """Counts failures of each key."""

    def __init__(self, *, uniform: Callable[[float, float], float] = random.uniform) -> None:
        self._uniform = uniform
        self._failures: dict[Hashable, tuple[Hashable, int]] = {}

    def next(self, key: Hashable, *, version: Hashable = None) -> float:
        """Count one more failure, and answer with the seconds to wait."""
        known, count = self._failures.get(key, (version, 0))
        count = count if known == version else 0
        self._failures[key] = (version, count + 1)
        seconds = min(FIRST_SECONDS * (1 << min(count, 16)), LONGEST_SECONDS)
        return seconds * self._uniform(1 - JITTER, 1 + JITTER)

    def failures(self, key: Hashable) -> int:
        """Return how often the key failed in a row."""
        return self._failures.get(key, (None, 0))[1]

    def forget(self, key: Hashable) -> None:
        """Start anew."""
        self._failures.pop(key, None)

"""A work queue of keys with the semantics of Kubernetes' own controllers.

In: keys, as often as anybody likes. Out: each key to one worker at a time. A key is never run
twice at once; any number of adds while it runs cause exactly one more run; no add is lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")


def _ignore_wait(seconds: float) -> None:
    """Measure nothing."""


def _ignore_add() -> None:
    """Count nothing."""


class KeyedQueue(Generic[K]):
    """Keys that wait, keys that run, and keys that are due later."""

    def __init__(
        self,
        *,
        on_wait: Callable[[float], None] = _ignore_wait,
        on_add: Callable[[], None] = _ignore_add,
    ) -> None:
        self._ready: asyncio.Queue[K | None] = asyncio.Queue()
        self._dirty: dict[K, float] = {}
        self._busy: set[K] = set()
        self._timers: dict[K, asyncio.TimerHandle] = {}
        self._closed = False
        self._on_wait = on_wait
        self._on_add = on_add

    @property
    def depth(self) -> int:
        """How many keys wait for a worker, or for the end of their running pass."""
        return len(self._dirty)

    def add(self, key: K) -> None:
        """Run the key soon, once."""
        if self._closed:
            return
        if timer := self._timers.pop(key, None):
            timer.cancel()
        if key not in self._dirty:
            self._dirty[key] = asyncio.get_running_loop().time()
            self._on_add()
            if key not in self._busy:
                self._ready.put_nowait(key)

    def add_after(self, key: K, delay: float) -> None:
        """Run the key after a while, unless it runs sooner for another reason."""
        if self._closed or key in self._dirty:
            return
        loop = asyncio.get_running_loop()
        due, timer = loop.time() + max(0.0, delay), self._timers.get(key)
        if timer:
            if timer.when() <= due:
                return
            timer.cancel()
        self._timers[key] = loop.call_at(due, self._due, key)

    def forget(self, key: K) -> None:
        """Drop the timer of a key that no longer matters."""
        if timer := self._timers.pop(key, None):
            timer.cancel()

    async def take(self) -> K | None:
        """Wait for a key; None once the queue is closed."""
        key = await self._ready.get()
        if key is None:
            self._ready.put_nowait(None)
            return None
        self._busy.add(key)
        self._on_wait(asyncio.get_running_loop().time() - self._dirty.pop(key))
        return key

    def done(self, key: K) -> None:
        """Say that the run of a key has ended; it runs again if it was added meanwhile."""
        self._busy.discard(key)
        if key in self._dirty and not self._closed:
            self._ready.put_nowait(key)

    def close(self) -> None:
        """Refuse all that is waiting or comes later, and let every taker go."""
        self._closed = True
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._dirty.clear()
        while not self._ready.empty():
            self._ready.get_nowait()
        self._ready.put_nowait(None)

    def _due(self, key: K) -> None:
        self._timers.pop(key, None)
        self.add(key)

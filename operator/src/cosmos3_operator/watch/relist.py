"""Notice what vanished while nobody watched.

In: the beginning and the end of each listing, and every object seen. Out: objects that we knew
before a new listing and that it did not show. A watch that is interrupted for long starts again
with a list, which shows what exists but cannot show what was deleted meanwhile. A resource that is
missing is looked up before it is believed to be gone; a missing child is simply applied again.
"""

from __future__ import annotations

import asyncio
from typing import Any

from cosmos3_operator.reconcile.kinds import RESOURCES, Key
from cosmos3_operator.reconcile.queue import KeyedQueue
from cosmos3_operator.reconcile.store import Store
from cosmos3_operator.watch.scope import Scope

SETTLE_SECONDS = 3.0
"""Between the end of a list and the judgement: its last events are still on their way."""


class Relists:
    """Keeps, for each running list, what it has not shown yet."""

    def __init__(self, *, store: Store, queue: KeyedQueue[Key]) -> None:
        self._store = store
        self._queue = queue
        self._missing: dict[Scope, dict[str, tuple[Key, Any]]] = {}

    def begin(self, scope: Scope) -> None:
        """Note what a list that starts now must show."""
        if known := self._store.seen(scope.kind, scope.namespace):
            self._missing[scope] = known

    def saw(self, uid: str) -> None:
        """Tick off an object."""
        for missing in self._missing.values():
            missing.pop(uid, None)

    def end(self, scope: Scope) -> None:
        """Judge soon, once the last events of the list have come through."""
        if scope in self._missing:
            asyncio.get_running_loop().call_later(SETTLE_SECONDS, self.sweep, scope)

    def sweep(self, scope: Scope) -> None:
        """Act on what was not shown."""
        for uid, (key, name) in self._missing.pop(scope, {}).items():
            if scope.kind in RESOURCES:
                self._store.doubt(key)
            else:
                self._store.lose(scope.kind, key, name, uid)
            if self._store.resource(key) is not None:
                self._queue.add(key)

"""Runs passes: a bounded number of workers take keys from the queue until told to stop.

In: keys. Out: passes, each followed by the right next step: come back later, come back with growing
delays, or not at all. An error of one key never stops a worker, and no key can occupy two.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from uuid import uuid4

from cosmos3_operator.cluster.errors import ClusterError, Unavailable
from cosmos3_operator.cluster.trace import NO_TRACER, Tracer, Value
from cosmos3_operator.reconcile.backoff import Backoff
from cosmos3_operator.reconcile.context import bound
from cosmos3_operator.reconcile.kinds import RESOURCES, Key
from cosmos3_operator.reconcile.queue import KeyedQueue
from cosmos3_operator.reconcile.reconciler import Outcome
from cosmos3_operator.reconcile.store import Store

logger = logging.getLogger(__name__)

STOP_SECONDS = 20.0
COMPLAINT_SECONDS = 10.0
"""An API server that is away fails every key: say so once in a while, not a thousand times."""

OnPass = Callable[[str, str, float], None]
"""Called with kind, result (success, requeue, requeue_after or error) and seconds."""


def _ignore_pass(kind: str, result: str, seconds: float) -> None:
    """Count nothing."""


def _ignore_retry() -> None:
    """Count nothing."""


class Workers:
    """A fixed number of tasks over one queue."""

    def __init__(
        self,
        *,
        queue: KeyedQueue[Key],
        reconcile: Callable[[Key], Awaitable[Outcome]],
        store: Store,
        backoff: Backoff,
        on_pass: OnPass = _ignore_pass,
        on_retry: Callable[[], None] = _ignore_retry,
        clock: Callable[[], float] = time.monotonic,
        tracer: Tracer = NO_TRACER,
    ) -> None:
        self._queue = queue
        self._reconcile = reconcile
        self._store = store
        self._backoff = backoff
        self._on_pass = on_pass
        self._on_retry = on_retry
        self._clock = clock
        self._tracer = tracer
        self._started: dict[Key, float] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._quiet_until: dict[str, float] = {}

    def start(self, number: int) -> None:
        """Start working."""
        self._tasks = [
            asyncio.create_task(self._work(), name=f"worker {index}") for index in range(number)
        ]

    async def stop(self, seconds: float = STOP_SECONDS) -> bool:
        """Refuse new keys and let running passes end. False if some had to be cut off."""
        self._queue.close()
        if not self._tasks:
            return True
        _, late = await asyncio.wait(self._tasks, timeout=seconds)
        for task in late:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        return not late

    def longest_pass(self) -> float:
        """Return the age of the oldest running pass, in seconds."""
        oldest = min(self._started.values(), default=None)
        return 0.0 if oldest is None else self._clock() - oldest

    def unfinished_seconds(self) -> float:
        """Return the age of all running passes together, in seconds."""
        now = self._clock()
        return sum(now - started for started in self._started.values())

    def busy_by_kind(self) -> dict[str, int]:
        """Return how many workers run a pass over a resource of each kind."""
        busy = Counter(key.kind for key in self._started)
        return {kind: busy[kind] for kind in RESOURCES}

    async def _work(self) -> None:
        while (key := await self._queue.take()) is not None:
            fields = self._fields(key)
            with bound(**fields), self._tracer.span("reconcile", **fields) as span:
                try:
                    span.note("result", await self._pass(key))
                finally:
                    self._queue.done(key)

    async def _pass(self, key: Key) -> str:
        started = self._started[key] = self._clock()
        result = "error"
        try:
            outcome = await self._reconcile(key)
            result = _word(outcome)
            self._plan_next(key, outcome)
            logger.debug("pass ended: %s", outcome.result)
        except Unavailable as error:
            self._retry(key, at_least=error.retry_after or 0.0)
            self._complain(error, about="")
        except ClusterError as error:
            self._retry(key)
            self._complain(error, about=f"{key.kind} {key.namespace}")
        except Exception:
            self._retry(key)
            logger.exception("pass failed unexpectedly")
        finally:
            del self._started[key]
            self._on_pass(key.kind, result, self._clock() - started)
        return result

    def _plan_next(self, key: Key, outcome: Outcome) -> None:
        if outcome.must_retry:
            self._retry(key, at_most=outcome.requeue_after)
            return
        if outcome.has_moved:
            # At once; but if it goes on moving, somebody fights us: then ever more slowly.
            is_first = not self._backoff.failures(key)
            self._retry(key, at_most=0.0 if is_first else outcome.requeue_after)
            return
        self._backoff.forget(key)
        if outcome.requeue_after is None:
            self._queue.forget(key)
        else:
            self._queue.add_after(key, outcome.requeue_after)

    def _retry(self, key: Key, *, at_least: float = 0.0, at_most: float | None = None) -> None:
        self._on_retry()
        delay = max(at_least, self._backoff.next(key, version=self._version(key)))
        self._queue.add_after(key, delay if at_most is None else min(delay, at_most))

    def _version(self, key: Key) -> tuple[str, int] | None:
        body = self._store.resource(key)
        if body is None:
            return None
        return body["metadata"]["uid"], body["metadata"].get("generation", 0)

    def _complain(self, error: ClusterError, *, about: str) -> None:
        """Warn once in a while: of an API server that is away, or of one kind in one namespace."""
        now = self._clock()
        level = logging.WARNING if now >= self._quiet_until.get(about, now) else logging.DEBUG
        if level == logging.WARNING:
            self._quiet_until[about] = now + COMPLAINT_SECONDS
        logger.log(level, "pass will be tried again: %s", error)

    def _fields(self, key: Key) -> dict[str, Value]:
        """Name the pass for log lines and traces, with controller-runtime's word for its id."""
        version = self._version(key)
        return {
            "kind": key.kind,
            "namespace": key.namespace,
            "name": key.name,
            "generation": version[1] if version else 0,
            "reconcileID": str(uuid4()),
        }


def _word(outcome: Outcome) -> str:
    """Name the end of a pass as controller-runtime does: a resync is no requeue."""
    if outcome.must_retry:
        return "error"
    if outcome.has_moved:
        return "requeue"
    return "requeue_after" if outcome.waits else "success"

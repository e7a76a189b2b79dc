"""Fetches what the pure core asks for, remembers it, and never lets a pass wait for long.

In: the asks of a pass. Out: `Evidence`, with what is known by now. What has not come yet is read on
in the background, and its arrival asks for another pass. Everything is bounded: reads at once,
reads of one thing over time, how long a pass waits, what is kept. A read that failed is tried again
with growing pauses, one that is not permitted after minutes; a node whose kubelet does not answer
is left alone for a while, whichever of its containers is asked about.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cosmos3_operator.cluster.errors import ClusterError, Forbidden, NotFound, Refused, Unavailable
from cosmos3_operator.reconcile.backoff import Backoff
from cosmos3_operator.reconcile.fetch import Answer, Fetcher, Missing, Subject
from cosmos3_operator.reconcile.kinds import Key
from cosmos3_operator.reconcile.texts import Texts
from cosmos3_operator.status.evidence import (
    LOGS,
    Ask,
    EventsAsk,
    Evidence,
    InventoryAsk,
    LogAsk,
)

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 1.0
"""As long as a pass waits for what it asked for, all together."""
READS_AT_ONCE = 8
REFUSED_SECONDS = 300.0
"""A permission that was missing is looked for again."""
LIVE_SECONDS = 10.0
EVENTS_SECONDS = 15.0
INVENTORY_SECONDS = 60.0

OnEvidence = Callable[[str, str], None]
"""Called with what was read (log, events, inventory) and how it ended (ok, missing, refused,
timeout, error)."""
Wake = Callable[[Key, float], None]
"""Called with a key that wants a pass, and the seconds until then."""


def ignore_evidence(what: str, result: str) -> None:
    """Count nothing."""


@dataclass
class _State:
    """What is known of one subject."""

    due: float = float("-inf")
    """It is not read again before."""
    answer: Answer | None = None
    """Logs are kept apart, compressed."""
    task: asyncio.Task[None] | None = None
    for_whom: set[Key] = field(default_factory=set)
    """Whose passes have asked since the read began."""


class EvidenceReader:
    """Answers all passes of one process."""

    def __init__(
        self,
        *,
        fetcher: Fetcher,
        wake: Wake,
        clock: Callable[[], float] = time.monotonic,
        backoff: Backoff | None = None,
        texts: Texts | None = None,
        on_evidence: OnEvidence = ignore_evidence,
        reads_logs: bool = True,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._fetcher = fetcher
        self._wake = wake
        self._clock = clock
        self._backoff = backoff or Backoff()
        self._texts = texts or Texts()
        self._on_evidence = on_evidence
        self._reads_logs = reads_logs
        self._patience = patience
        self._states: dict[Subject, _State] = {}
        self._subjects: dict[Key, set[Subject]] = {}
        self._refused: dict[tuple[str, str], float] = {}
        self._away: dict[str, float] = {}
        self._waiting: set[Key] = set()
        self._reads = 0
        self._slots = asyncio.Semaphore(READS_AT_ONCE)

    async def collect(self, key: Key, asks: Iterable[Ask], *, may_wait: bool = True) -> Evidence:
        """Answer with what is known, having waited a moment for what is not."""
        asked = tuple(asks)
        subjects = {
            ask: subject
            for ask in asked
            if self._may_ask(ask) and (subject := self._fetcher.subject(key, ask))
        }
        self._narrow(key, set(subjects.values()))
        new = [task for ask, one in subjects.items() if (task := self._begin(key, one, ask))]
        if new and may_wait and self._reads < READS_AT_ONCE:
            await self._wait(key, new)
        self._come_back(key, subjects.values())
        return self._evidence(key, asked, subjects)

    def rest(self, key: Key) -> None:
        """Let go of what was read: nothing is asked for any more."""
        if key in self._subjects:
            self._narrow(key, set())

    def forget(self, key: Key) -> None:
        """Let go of everything about a resource that is gone."""
        for subject in self._subjects.pop(key, set()):
            self._drop(subject)

    async def stop(self) -> None:
        """End what is still being read."""
        tasks = [state.task for state in self._states.values() if state.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # What is read, and when.

    def _may_ask(self, ask: Ask) -> bool:
        return self._reads_logs or not isinstance(ask, LogAsk)

    def _narrow(self, key: Key, wanted: set[Subject]) -> None:
        """Keep nothing that is not asked for; but remember for a while that it was read."""
        kept = {subject for subject in wanted if subject.key == key}
        for subject in self._subjects.get(key, set()) - wanted:
            if self._clock() < self._states[subject].due:
                self._empty(subject)
                kept.add(subject)
            else:
                self._drop(subject)
        if kept:
            self._subjects[key] = kept
        else:
            self._subjects.pop(key, None)

    def _empty(self, subject: Subject) -> None:
        self._states[subject].answer = None
        self._texts.drop(subject)

    def _drop(self, subject: Subject) -> None:
        state = self._states.pop(subject, None)
        self._texts.drop(subject)
        self._backoff.forget(subject)
        if state and state.task:
            state.task.cancel()

    def _begin(self, key: Key, subject: Subject, ask: Ask) -> asyncio.Task[None] | None:
        """Read if it is time to; return a read that no pass of this resource has met before."""
        state = self._states.setdefault(subject, _State())
        if state.task is None and self._is_due(subject, state):
            state.task = asyncio.create_task(
                self._read(subject, state, ask), name=f"read {what(subject)}"
            )
        if state.task is None or key in state.for_whom:
            return None
        state.for_whom.add(key)
        return state.task

    def _is_due(self, subject: Subject, state: _State) -> bool:
        if self._fetcher.is_hopeless(subject) or (_is_final(subject) and subject in self._texts):
            return False
        return self._clock() >= self._earliest(subject, state)

    def _earliest(self, subject: Subject, state: _State) -> float:
        never = float("-inf")
        refused = self._refused.get(_permission(subject), never)
        return max(state.due, refused, self._away.get(subject.node, never))

    async def _wait(self, key: Key, tasks: list[asyncio.Task[None]]) -> None:
        self._waiting.add(key)
        try:
            await asyncio.wait(tasks, timeout=self._patience)
        finally:
            self._waiting.discard(key)

    def _come_back(self, key: Key, subjects: Iterable[Subject]) -> None:
        """Ask for a pass when what could not be read may be tried again."""
        now = self._clock()
        pauses = [
            self._earliest(subject, state) - now
            for subject in subjects
            if (state := self._states[subject]).task is None
            and self._answer(subject) is None
            and not self._fetcher.is_hopeless(subject)
        ]
        if pauses:
            self._wake(key, max(0.0, min(pauses)))

    # One read.

    async def _read(self, subject: Subject, state: _State, ask: Ask) -> None:
        before = self._answer(subject)
        self._reads += 1
        try:
            async with self._slots:
                answer = await self._fetcher.fetch(subject, ask)
        except ClusterError as error:
            self._failed(subject, state, error)
        except Exception:
            logger.exception("evidence could not be read: %s", what(subject))
            self._pause(subject, state)
            self._on_evidence(what(subject), "error")
        else:
            self._came(subject, state, answer)
        finally:
            self._reads -= 1
            state.task = None
        self._tell(subject, state, has_news=self._answer(subject) != before)

    def _came(self, subject: Subject, state: _State, answer: Answer) -> None:
        if isinstance(answer, str):
            self._texts.put(subject, answer)
        else:
            state.answer = answer
        state.due = self._clock() + _pause_of(subject)
        self._backoff.forget(subject)
        self._refused.pop(_permission(subject), None)
        if self._away.pop(subject.node, None) is not None:
            self._backoff.forget(subject.node)
        self._on_evidence(what(subject), "ok")

    def _failed(self, subject: Subject, state: _State, error: ClusterError) -> None:
        self._pause(subject, state)
        if isinstance(error, Forbidden):
            self._refuse(subject, error)
        if isinstance(error, Unavailable) and subject.node:
            self._leave_alone(subject.node)
        logger.debug("%s could not be read: %s", what(subject), error)
        self._on_evidence(what(subject), _result(error))

    def _pause(self, subject: Subject, state: _State) -> None:
        pause = max(self._backoff.next(subject), 0.0 if _is_final(subject) else _pause_of(subject))
        state.due = self._clock() + pause

    def _refuse(self, subject: Subject, error: Forbidden) -> None:
        permission = _permission(subject)
        if permission not in self._refused:
            resource, namespace = permission
            logger.warning(
                "may not read %s in %s, so the status says less of why something fails: %s",
                resource,
                namespace or "all namespaces",
                error,
            )
        self._refused[permission] = self._clock() + REFUSED_SECONDS

    def _leave_alone(self, node: str) -> None:
        if self._clock() >= self._away.get(node, float("-inf")):
            self._away[node] = self._clock() + self._backoff.next(node)

    def _tell(self, subject: Subject, state: _State, *, has_news: bool) -> None:
        """Ask for one more pass of each resource that did not wait for this."""
        news = has_news or _permission(subject) in self._refused
        pause = 0.0 if news else max(0.0, self._earliest(subject, state) - self._clock())
        for key in state.for_whom - self._waiting:
            self._wake(key, pause)
        state.for_whom.clear()

    # What is known.

    def _answer(self, subject: Subject) -> Answer | None:
        if isinstance(subject.ask, LogAsk):
            return self._texts.get(subject)
        state = self._states.get(subject)
        return state.answer if state else None

    def _evidence(
        self, key: Key, asked: Iterable[Ask], subjects: Mapping[Ask, Subject]
    ) -> Evidence:
        found: dict[Ask, Any] = {
            ask: answer
            for ask, subject in subjects.items()
            if (answer := self._answer(subject)) is not None
        }
        refused = {name for name, namespace in self._refused if namespace in ("", key.namespace)}
        if any(not self._may_ask(ask) for ask in asked):
            refused.add(LOGS)
        return Evidence(
            logs={ask: text for ask, text in found.items() if isinstance(ask, LogAsk)},
            events={ask: items for ask, items in found.items() if isinstance(ask, EventsAsk)},
            inventory={ask: n for ask, n in found.items() if isinstance(ask, InventoryAsk)},
            refused=tuple(sorted(refused)),
        )


def what(subject: Subject) -> str:
    """Return the kind of evidence: a metrics label."""
    if isinstance(subject.ask, LogAsk):
        return "log"
    return "events" if isinstance(subject.ask, EventsAsk) else "inventory"


_PERMISSIONS = {"log": LOGS, "events": "events", "inventory": "pods"}


def _permission(subject: Subject) -> tuple[str, str]:
    """Return the resource, as a role names it, and the namespace, "" for all."""
    return _PERMISSIONS[what(subject)], subject.key.namespace


def _is_final(subject: Subject) -> bool:
    """Tell whether the answer never changes: the log of a run that has ended."""
    return isinstance(subject.ask, LogAsk) and not subject.ask.is_live


def _pause_of(subject: Subject) -> float:
    pauses = {"log": LIVE_SECONDS, "events": EVENTS_SECONDS, "inventory": INVENTORY_SECONDS}
    return pauses[what(subject)]


def _result(error: ClusterError) -> str:
    if isinstance(error, Forbidden):
        return "refused"
    if isinstance(error, Missing | NotFound) or (isinstance(error, Refused) and error.code == 400):
        return "missing"
    is_late = isinstance(error.__cause__, TimeoutError) or getattr(error, "code", 0) == 504
    return "timeout" if is_late else "error"

"""Tells a resource's transitions as Kubernetes Events.

In: the status before and after a write. Out: at most one event for each thing that has changed;
`announcements` is pure and decides what. `Announcer` is thin: a bounded queue and one task that
sends. A pass never waits for it, and no failure of it reaches a pass: events are told as well as
can be, the truth is in the status.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cosmos3_operator.api.conditions import ConditionType
from cosmos3_operator.cluster import events
from cosmos3_operator.cluster.errors import ClusterError, Forbidden, NotFound, Unavailable
from cosmos3_operator.cluster.events import News, Regarding, Reporter, Sink, Type
from cosmos3_operator.reconcile.correlate import Correlator, Verdict
from cosmos3_operator.reconcile.kinds import Key

logger = logging.getLogger(__name__)

PLAN_WARNING = "PlanWarning"
"""A word of events only: a plan with warnings is served, so it is no reason of a condition."""
LONGEST_QUEUE = 1000
"""As long as client-go's (tools/record/event.go: maxQueuedEvents)."""
RETRY_SECONDS = (1.0, 2.0, 4.0)
LONGEST_RETRY = 30.0
"""Whatever the API server asks for: more events are waiting behind."""
STOP_SECONDS = 3.0

Body = Mapping[str, Any]
TypeOf = Callable[[str], Type]
OnEvent = Callable[[str, str, str], None]
"""Called with type, reason and what became of it."""


def announcements(old: Body, new: Body, *, type_of: TypeOf) -> Iterator[News]:
    """Yield what an event should tell; nothing if nothing has changed but words or figures."""
    said = set()
    for condition, action, is_bad in _turns(_conditions(old), _conditions(new)):
        reason = str(condition.get("reason"))
        if reason not in said:
            said.add(reason)
            type_: Type = "Warning" if is_bad else type_of(reason)
            yield News(type=type_, reason=reason, note=_note(condition), action=action)
    for warning in _new_warnings(old, new):
        yield News(type="Warning", reason=PLAN_WARNING, note=warning, action="Plan")


def _turns(old: Mapping[str, Body], new: Mapping[str, Body]) -> Iterator[tuple[Body, str, bool]]:
    """Yield conditions that turned, with what was being done, and whether that is always bad.

    Several can turn for one reason: the first one tells it.
    """
    ready, stalled, accepted, access, guardrails = (
        (old.get(type_, {}), new.get(type_, {}))
        for type_ in (
            ConditionType.READY,
            ConditionType.STALLED,
            ConditionType.ACCEPTED,
            ConditionType.HUB_ACCESS,
            ConditionType.GUARDRAILS_IN_FORCE,
        )
    )
    if _state(ready[0]) != _state(ready[1]):
        yield ready[1], "Reconcile", False
    if _became(*stalled, "True"):
        yield stalled[1], "Reconcile", True
    if _became(*accepted, "False"):
        yield accepted[1], "Validate", True
    if _became(*access, "False") or (access[0] and _became(*access, "True")):
        yield access[1], "CheckAccess", False
    # A change of mode goes through Unknown, while old and new servers answer: whoever audits must
    # see what came into force, whatever was before.
    if guardrails[0] and _became(*guardrails, "True", "False"):
        yield _audited(guardrails[1]), "ApplyGuardrails", False


def _audited(guardrails: Body) -> Body:
    """Let the event say by itself what it is about."""
    are = "are" if guardrails.get("status") == "True" else "are not"
    return {**guardrails, "message": f"Guardrails {are} in force: {_note(guardrails)}"}


def _became(old: Body, new: Body, *statuses: str) -> bool:
    return new.get("status") in statuses and old.get("status") != new.get("status")


def _state(condition: Body) -> tuple[Any, Any]:
    return condition.get("status"), condition.get("reason")


def _note(condition: Body) -> str:
    return str(condition.get("message") or condition.get("reason"))


def _conditions(status: Body) -> dict[str, Body]:
    return {item["type"]: item for item in status.get("conditions") or ()}


def _new_warnings(old: Body, new: Body) -> list[str]:
    known = set((old.get("plan") or {}).get("warnings") or ())
    found = (new.get("plan") or {}).get("warnings") or ()
    return [warning for warning in found if warning not in known]


@dataclass(frozen=True, kw_only=True)
class _Item:
    news: News
    regarding: Regarding
    moment: datetime


def _ignore_event(type_: str, reason: str, result: str) -> None:
    """Count nothing."""


class Announcer:
    """Takes transitions at once, and tells them one by one."""

    def __init__(
        self,
        *,
        sink: Sink,
        reporter: Reporter,
        type_of: TypeOf,
        correlator: Correlator,
        clock: Callable[[], datetime],
        on_event: OnEvent = _ignore_event,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._sink = sink
        self._reporter = reporter
        self._type_of = type_of
        self._correlator = correlator
        self._clock = clock
        self._on_event = on_event
        self._sleep = sleep
        self._queue: asyncio.Queue[_Item] = asyncio.Queue(LONGEST_QUEUE)
        self._complained: set[tuple[str, str]] = set()

    def on_transition(self, key: Key, body: Body, old: Body, new: Body) -> None:
        """Take in a written status."""
        now = self._clock()
        for number, news in enumerate(announcements(old, new, type_of=self._type_of)):
            # Names are made of the moment, and tools sort by it.
            moment = now + timedelta(microseconds=number)
            self._put(_Item(news=news, regarding=Regarding.of(body), moment=moment))

    def _put(self, item: _Item) -> None:
        try:
            self._queue.put_nowait(item)
        except asyncio.QueueFull:
            self._count(item, "dropped")

    async def run(self) -> None:
        """Tell what comes, until cancelled."""
        while True:
            item = await self._queue.get()
            try:
                self._count(item, await self._tell(item))
            except Exception:
                self._count(item, "failed")
                logger.exception("an event could not be told")
            finally:
                self._queue.task_done()

    async def flush(self, seconds: float = STOP_SECONDS) -> None:
        """Give what is waiting a moment to be told."""
        try:
            await asyncio.wait_for(self._queue.join(), seconds)
        except TimeoutError:
            logger.debug("%d events were not told", self._queue.qsize())

    async def _tell(self, item: _Item) -> str:
        """Send one, and say what became of it."""
        verdict = self._correlator.judge(item.regarding, item.news)
        if not verdict.may_send:
            return "limited"
        for seconds in (*RETRY_SECONDS, None):
            try:
                return await self._send(item, verdict)
            except Unavailable as error:
                if seconds is None:
                    logger.debug("an event could not be told: %s", error)
                    return "failed"
                await self._sleep(min(max(seconds, error.retry_after or 0.0), LONGEST_RETRY))
            except ClusterError as error:
                self._complain(item, verdict, error)
                return "failed"
        raise AssertionError  # pragma: no cover - the last try returns

    async def _send(self, item: _Item, verdict: Verdict) -> str:
        if verdict.known is not None:
            try:
                await self._sink.repeat(verdict.known, count=verdict.count, now=item.moment)
                self._correlator.sent(item.regarding, item.news, verdict.known, verdict.count)
                return "repeated"
            except NotFound:
                logger.debug("%s has expired", verdict.known.name)
        body = events.event(item.news, item.regarding, reporter=self._reporter, now=item.moment)
        written = await self._sink.create(body)
        self._correlator.sent(item.regarding, item.news, written, 1)
        return "created"

    def _complain(self, item: _Item, verdict: Verdict, error: ClusterError) -> None:
        """Say once for each namespace and verb what may not be told."""
        what = (item.regarding.namespace, "create" if verdict.known is None else "patch")
        # Nothing can be created in a namespace that ends, and that is as it should be.
        is_worth_it = what not in self._complained and "being terminated" not in str(error)
        if is_worth_it and isinstance(error, Forbidden):
            self._complained.add(what)
        logger.log(
            logging.WARNING if is_worth_it else logging.DEBUG, "events cannot be told: %s", error
        )

    def _count(self, item: _Item, result: str) -> None:
        self._on_event(item.news.type, item.news.reason, result)

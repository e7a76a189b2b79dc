"""The one place where it shows that a status was written: events, metrics and log lines hang on it.

In: each written status, with the one before. Out: calls of those who listen. A listener can neither
fail nor delay a pass.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from cosmos3_operator.reconcile.kinds import Key

logger = logging.getLogger(__name__)

REMEMBERED = 4096

Body = Mapping[str, Any]
OnTransition = Callable[[Key, Body, Body, Body], None]
"""Called with the key, the resource as the pass saw it, the old status and the new one."""


def ignore_transition(key: Key, body: Body, old: Body, new: Body) -> None:
    """Tell nobody."""


def tell(*listeners: OnTransition) -> OnTransition:
    """Make one listener of many; one that fails is a bug, and told as such."""

    def everybody(key: Key, body: Body, old: Body, new: Body) -> None:
        for listener in listeners:
            try:
                listener(key, body, old, new)
            except Exception:
                logger.exception("a transition could not be told")

    return everybody


class TransitionLog:
    """Writes one line when readiness or its reason changes, and nothing at any other time."""

    def __init__(self, *, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._last: OrderedDict[str, datetime] = OrderedDict()

    def __call__(self, key: Key, body: Body, old: Body, new: Body) -> None:
        """Take in a written status."""
        before, after = condition(old, "Ready"), condition(new, "Ready")
        if _state(before) == _state(after):
            logger.debug("status updated")
            return
        fields = {
            "ready": after.get("status"),
            "reason": after.get("reason"),
            "previousReason": before.get("reason"),
            "secondsSincePrevious": self._since(body["metadata"]["uid"], before),
        }
        words = after.get("status"), after.get("reason"), after.get("message", "")
        logger.info("Ready=%s %s: %s", *words, extra={"fields": fields})

    def _since(self, uid: str, before: Body) -> float | None:
        """Return the seconds since the last line; after a start, since Ready last turned."""
        now = self._clock()
        last = self._last.pop(uid, None) or _moment(before.get("lastTransitionTime"))
        self._last[uid] = now
        if len(self._last) > REMEMBERED:
            self._last.popitem(last=False)
        return None if last is None else round((now - last).total_seconds(), 3)


def condition(status: Body, type_: str) -> Body:
    """Return one condition of a status, {} if it has none such."""
    found = (item for item in status.get("conditions") or () if item.get("type") == type_)
    return next(found, {})


def _state(found: Body) -> tuple[Any, Any]:
    return found.get("status"), found.get("reason")


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None

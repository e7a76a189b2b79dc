"""Keeps events few: the same again becomes a series, and nobody may fill the namespace.

In: what an event would say about which object. Out: whether to write it, and which earlier one it
repeats. The limit for each object is that of client-go's recorder (tools/record/events_cache.go:
EventSourceObjectSpamFilter, 25 at once and one more every five minutes), and so is the size of what
is remembered.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from cosmos3_operator.cluster.events import News, Regarding, Written

SAME_SECONDS = 3600.0
"""Events live for an hour, unless the API server is told otherwise (--event-ttl)."""
BURST = 25
REFILL_SECONDS = 300.0
REMEMBERED = 4096

K = TypeVar("K")
V = TypeVar("V")
_Fact = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What to do with an event."""

    may_send: bool
    known: Written | None = None
    """The event that it repeats."""
    count: int = 1
    """How often it has happened, this time included."""


@dataclass(slots=True)
class _Seen:
    written: Written
    count: int
    last: float


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Correlator:
    """Remembers what was told lately."""

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._seen: OrderedDict[_Fact, _Seen] = OrderedDict()
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def judge(self, regarding: Regarding, news: News) -> Verdict:
        """Count an event, and say what to do with it."""
        now = self._clock()
        seen = self._seen.get(_fact(regarding, news))
        if seen is not None and now - seen.last > SAME_SECONDS:
            seen = None
        if not self._take_token(regarding.uid, now):
            if seen is not None:
                seen.count += 1
            return Verdict(may_send=False)
        if seen is None:
            return Verdict(may_send=True)
        return Verdict(may_send=True, known=seen.written, count=seen.count + 1)

    def sent(self, regarding: Regarding, news: News, written: Written, count: int) -> None:
        """Remember what is in the cluster now."""
        fact = _fact(regarding, news)
        self._seen[fact] = _Seen(written, count, self._clock())
        self._seen.move_to_end(fact)
        _forget(self._seen, lambda seen: self._clock() - seen.last > SAME_SECONDS)

    def _take_token(self, uid: str, now: float) -> bool:
        bucket = self._buckets.setdefault(uid, _Bucket(BURST, now))
        self._buckets.move_to_end(uid)
        _forget(self._buckets, lambda one: now - one.at > BURST * REFILL_SECONDS)
        bucket.tokens = min(BURST, bucket.tokens + (now - bucket.at) / REFILL_SECONDS)
        bucket.at = now
        if bucket.tokens < 1:
            return False
        bucket.tokens -= 1
        return True


def _forget(memory: OrderedDict[K, V], is_old: Callable[[V], bool]) -> None:
    """Drop what is not needed any more, oldest first, and what is too much."""
    while memory and (len(memory) > REMEMBERED or is_old(next(iter(memory.values())))):
        memory.popitem(last=False)


def _fact(regarding: Regarding, news: News) -> _Fact:
    return regarding.uid, news.type, news.reason, news.note

"""How far a server has come, by its own log.

In: the log of one run, or its end, and which engine wrote it. Out: a `Milestone`: the latest phase
that the log shows to have begun, and the figure of its last bar. Bars are redrawn with carriage
returns, so that one line of a log can hold hundreds of states: the last one counts.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass

from cosmos3_operator.catalog.startup import Phase, telling
from cosmos3_operator.plan.types import Plan

STEPS = 5
"""A bar is shown in about so many steps: each one is a write of the status."""


@dataclass(frozen=True, kw_only=True)
class Milestone:
    """The latest phase of a start, and the bar in it."""

    phase: Phase
    says: str = ""
    """Words with {done} and {total}; "" where no figure is known."""
    done: int = 0
    total: int = 0

    @property
    def exactly(self) -> str:
        """The figure as it was printed last, "" if there is none."""
        return self.says.format(done=self.done, total=self.total)

    @property
    def coarsely(self) -> str:
        """The figure, rounded down to a step, so that it moves seldom."""
        step = max(1, -(-self.total // STEPS))
        done = self.total if self.done == self.total else self.done // step * step
        return self.says.format(done=done, total=self.total)


def milestone(engine: str, log: str) -> Milestone:
    """Return the furthest that a log shows: preparing, if it shows nothing."""
    text = log.replace("\r", "\n")
    found = [(known, last) for known, pattern in telling(engine) if (last := _last(pattern, text))]
    if not found:
        return Milestone(phase=Phase.PREPARING)
    phase = max((known.phase for known, _ in found), key=lambda phase: phase.rank)
    bars = [(known, last) for known, last in found if known.phase is phase and known.says]
    if not bars:
        return Milestone(phase=phase)
    known, last = max(bars, key=lambda bar: bar[1].start())
    done, total = int(last["done"]), int(last["total"])
    return Milestone(phase=phase, says=known.says, done=done, total=total)


def _last(pattern: re.Pattern[str], text: str) -> re.Match[str] | None:
    # Over the whole text at once: line by line, a long log would hold up the event loop.
    matches = deque(pattern.finditer(text), maxlen=1)
    return matches[0] if matches else None


def furthest(plan: Plan, log: str) -> str:
    """Say how far a run came that has ended, e.g. “it was loading: 3 of 27 shards”.

    Returns "" if there is no log to tell.
    """
    if not log.strip():
        return ""
    reached = milestone(plan.runtime.engine, log)
    words = {
        Phase.PREPARING: "its log shows neither a download nor loading",
        Phase.DOWNLOADING: f"it was downloading (up to {plan.startup.download_gib:.1f} GiB)",
        Phase.LOADING: "it was loading",
        Phase.WARMING_UP: "it had loaded its weights and was warming up",
    }
    if reached.phase is Phase.DOWNLOADING and not plan.startup.download_gib:
        return words[Phase.LOADING]
    return words[reached.phase] + (f": {reached.exactly}" if reached.says else "")

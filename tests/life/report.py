"""What came of a life: figures, and for each lie the history that shows it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from life.probe import LEAST_SECONDS, TIMES, quantile
from life.referee import FALSE_READY, FALSE_UNREADY, UNOBSERVED, Busy, Interval, Referee
from life.world import COMPONENTS, Name

MOST_MESSAGES = 16
"""Different messages of one reason before it ends; counts of replicas need some."""
MOST_WRITES = 40
"""Status writes while Ready keeps its reason: replicas come one by one, each with conditions."""
BOUNDS = (0.1, 0.3, 1.0, 2.0, 5.0, 10.0)
_LOG_LINES = 60


@dataclass(frozen=True, kw_only=True)
class Life:
    """A life that has ended."""

    seed: int
    hours: float
    factor: float
    fleet: int
    real_seconds: float
    acts: Counter[str]
    referee: Referee
    round_trips: list[float]
    settle: float
    refused: list[str]
    declined: int
    errors: list[str]
    log: Path

    def complaints(self) -> list[str]:
        """Return everything that must not be; empty after a good life."""
        referee = self.referee
        found = [
            f"{i.name} {i.what} for {i.longest_outside(referee.outages):.1f} s: {i.why}"
            for i in referee.beyond(self.settle)
        ]
        found += [
            f"{name} broke {breach.rule} at {at:.3f}: {breach.text}"
            for name, breach, at in referee.broken(self.settle)
        ]
        found += _too_busy(referee.most_messages, MOST_MESSAGES, "different messages")
        found += _too_busy(referee.most_writes, MOST_WRITES, "status writes")
        found += [f"the API server refused {one}" for one in self.refused]
        return found + self.errors

    def concerned(self) -> list[Name]:
        """Return whose histories must be read."""
        referee = self.referee
        names = [i.name for i in referee.beyond(self.settle)]
        names += [name for name, _, _ in referee.broken(self.settle)]
        names += [i.name for i in self._worst(referee.intervals)]
        return list(dict.fromkeys(names))

    def figures(self) -> dict[str, Any]:
        """Return all that was measured, for machines."""
        referee, trips = self.referee, self.round_trips
        return {
            "seed": self.seed,
            "simulatedHours": self.hours,
            "factor": self.factor,
            "fleet": self.fleet,
            "realSeconds": round(self.real_seconds, 1),
            "acts": dict(sorted(self.acts.items())),
            "declined": self.declined,
            "events": dict(sorted(referee.seen.items())),
            "comparisons": referee.checks,
            "transitions": referee.transitions,
            "statusWrites": referee.status_writes,
            "reasons": dict(sorted(referee.reasons.items())),
            "roundTrip": {
                "count": len(trips),
                "p50": round(quantile(trips, 0.5), 4),
                "p99": round(quantile(trips, 0.99), 4),
                "max": round(max(trips, default=0.0), 4),
            },
            "settleSeconds": round(self.settle, 2),
            "disagreements": {
                what: self._spread(what) for what in (FALSE_READY, FALSE_UNREADY, UNOBSERVED)
            },
            "outages": [round(end - start, 2) for start, end in referee.outages],
            "mostMessages": _busy(referee.most_messages),
            "mostWrites": _busy(referee.most_writes),
            "complaints": self.complaints(),
        }

    def _spread(self, what: str) -> dict[str, Any]:
        of_this = [i for i in self.referee.intervals if i.what == what]
        seconds = [i.longest_outside(self.referee.outages) for i in of_this]
        counts = Counter(next((b for b in BOUNDS if s <= b), float("inf")) for s in seconds)
        return {
            "count": len(seconds),
            "beyond": sum(s > self.settle for s in seconds),
            "p50": round(quantile(seconds, 0.5), 4),
            "p99": round(quantile(seconds, 0.99), 4),
            "longest": round(max(seconds, default=0.0), 3),
            "within": {f"{bound:g} s": counts[bound] for bound in (*BOUNDS, float("inf"))},
            "worst": [
                f"{i.longest_outside(self.referee.outages):.3f} s at {i.start:.3f}: "
                f"{i.name}, {i.why}"
                for i in self._worst(of_this)
            ],
        }

    def _worst(self, intervals: list[Interval]) -> list[Interval]:
        return sorted(intervals, key=lambda i: -i.longest_outside(self.referee.outages))[:5]

    def text(self) -> str:
        """Return the report for people."""
        figures = self.figures()
        lines = [
            f"A life of {self.hours:g} h in {self.real_seconds:.0f} s: durations divided by "
            f"{self.factor:g}, seed {self.seed}, up to {self.fleet} resources",
            f"  acts           {_counts(figures['acts'])}",
            f"  events seen    {_counts(figures['events'])}",
            f"  reasons        {_counts(figures['reasons'])}",
            f"  comparisons    {self.referee.checks} of claim and truth",
            f"  status         {self.referee.transitions} transitions of Ready's reason, "
            f"{self.referee.status_writes} writes",
            "  round trip     p50 {p50:.3f} s, p99 {p99:.3f} s, longest {max:.3f} s "
            "of {count}".format(**figures["roundTrip"]),
            f"  may take       {self.settle:.1f} s: the larger of {LEAST_SECONDS:g} s "
            f"and {TIMES:g} × p99",
            f"  away           {figures['outages']} s (operator killed, API server restarted)",
        ]
        for what, spread in figures["disagreements"].items():
            lines += [
                f"  {what}:",
                "    {count} times, p50 {p50:.3f} s, p99 {p99:.3f} s, longest {longest:.3f} s, "
                "{beyond} beyond".format(**spread),
                f"    within {_counts(spread['within'])}",
                *(f"    {one}" for one in spread["worst"][:3]),
            ]
        lines += [
            f"  most messages  {figures['mostMessages']}",
            f"  most writes    {figures['mostWrites']}",
        ]
        complaints = figures["complaints"]
        lines += ["", f"{len(complaints)} complaints", *(f"  {one}" for one in complaints)]
        return "\n".join(lines)

    def histories(self, most: int = 5) -> str:
        """Return what happened to those who are complained about, and what the operator said."""
        parts = []
        for name in self.concerned()[:most]:
            parts += [f"== {name}", *self.referee.history(name), f"-- the operator on {name}"]
            parts += _log_lines(self.log, name)
        return "\n".join(parts)

    def save(self, folder: Path) -> None:
        """Write report, figures and histories."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "report.txt").write_text(self.text() + "\n")
        (folder / "report.json").write_text(json.dumps(self.figures(), indent=2) + "\n")
        (folder / "histories.txt").write_text(self.histories(most=100) + "\n")


def _too_busy(busy: Busy, most: int, what: str) -> list[str]:
    if busy.count <= most:
        return []
    return [f"{busy.name} had {busy.count} {what} in one {busy.reason}: {busy.examples}"]


def _busy(busy: Busy) -> str:
    return f"{busy.count}: {busy.name} {busy.reason}"


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{key} {value}" for key, value in counts.items())


def _log_lines(log: Path, name: Name) -> list[str]:
    words = f'"name": "{name.name}"'
    found = [line for line in log.read_text().splitlines() if words in line]
    return found[-_LOG_LINES:]


__all__ = ["COMPONENTS", "Life"]

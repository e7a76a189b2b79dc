"""Figures of runs, and what follows from them.

In: one `Run` for each process measured. Out: `Summary`: medians with their spread, ratios within a
round, verdicts. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

MOST_BUSY_ELSEWHERE = 0.25
"""Cores. With more, times say more about the neighbours than about the subjects."""

FLOOR, OPERATOR = "floor", "operator"


@dataclass(frozen=True, kw_only=True)
class Rest:
    """What the operator did when there was nothing to do."""

    seconds: float
    writes: int
    cpu_seconds: float
    restart_requests: int
    """Writing requests after a restart, when all exists and is right."""
    restart_changes: Mapping[str, int]
    """How many objects these changed, by kind."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one process did with one backlog."""

    subject: str
    round: int
    resources: int
    work_seconds: float
    """From the first write to the last, as the watcher saw them."""
    ready_seconds: float
    """The same end, from when the process could have begun: all watches run, or first request."""
    total_seconds: float
    """The same end, from the start of the process."""
    writes: Mapping[str, int]
    refused: int
    cpu_seconds: float
    """Processor time of the process, from when it could have begun."""
    start_cpu_seconds: float = 0.0
    """Processor time before that: imports, and the operator's lists."""
    peak_mib: float | None = None
    stop_seconds: float | None = None
    server_cpu_seconds: Mapping[str, float] = field(default_factory=dict)
    busy_elsewhere: float = 0.0
    """Processors that were busy with something else meanwhile, on average."""
    rest: Rest | None = None

    @property
    def all_cpu_seconds(self) -> float:
        """Processor time of the process and of the control plane, together."""
        return self.cpu_seconds + sum(self.server_cpu_seconds.values())

    @property
    def rate(self) -> float:
        """Resources per second of work."""
        return self.resources / self.work_seconds


@dataclass(frozen=True, kw_only=True)
class Spread:
    """A median and how far single values were from it."""

    median: float
    lowest: float
    highest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Take values, at least one."""
        return cls(median=median(values), lowest=min(values), highest=max(values))

    def text(self, digits: int, unit: str = "") -> str:
        """Write it for people: median (lowest … highest) unit."""
        text = f"{self.median:.{digits}f}"
        if self.lowest != self.highest:
            text += f" ({self.lowest:.{digits}f}…{self.highest:.{digits}f})"
        return text + unit


@dataclass(frozen=True, kw_only=True)
class Goals:
    """What is to be reached."""

    ratio: float
    peak_mib: float


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One figure against its goal."""

    what: str
    measured: float
    goal: float
    doubt: str = ""
    """Why the figure may not count."""

    @property
    def within(self) -> bool:
        """Whether the goal is reached."""
        return self.measured <= self.goal


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Everything that is said about all runs."""

    floor_rate: Spread
    operator_rate: Spread
    work_ratio: Spread
    ready_ratio: Spread
    total_ratio: Spread
    cpu_ratio: Spread
    """Of the processor times, of process and control plane together."""
    peak_mib: Spread
    verdicts: tuple[Verdict, ...]


def summarize(runs: Sequence[Run], *, goals: Goals) -> Summary:
    """Compare the runs of each round with each other, and all rounds with the goals."""
    floors, operators = (_by_round(runs, subject) for subject in (FLOOR, OPERATOR))
    pairs = [(operators[number], floors[number]) for number in sorted(floors.keys() & operators)]
    if not pairs:
        raise ValueError("no round is complete")
    work = Spread.of([ours.work_seconds / floor.work_seconds for ours, floor in pairs])
    ready = Spread.of([ours.ready_seconds / floor.ready_seconds for ours, floor in pairs])
    cpu = Spread.of([ours.all_cpu_seconds / floor.all_cpu_seconds for ours, floor in pairs])
    total = Spread.of([ours.total_seconds / floor.ready_seconds for ours, floor in pairs])
    peak = Spread.of([ours.peak_mib or 0.0 for ours, _ in pairs])
    verdicts = [
        Verdict(
            what="time against the floor",
            measured=work.median,
            goal=goals.ratio,
            doubt=_doubt([run.busy_elsewhere for pair in pairs for run in pair]),
        ),
        Verdict(what="peak memory in MiB", measured=peak.highest, goal=goals.peak_mib),
    ]
    rests = [ours.rest for ours, _ in pairs if ours.rest is not None]
    if rests:
        writes = max(rest.writes for rest in rests)
        verdicts.append(Verdict(what="writes at rest", measured=writes, goal=0))
    return Summary(
        floor_rate=Spread.of([floor.rate for _, floor in pairs]),
        operator_rate=Spread.of([ours.rate for ours, _ in pairs]),
        work_ratio=work,
        ready_ratio=ready,
        total_ratio=total,
        cpu_ratio=cpu,
        peak_mib=peak,
        verdicts=tuple(verdicts),
    )


def order(number: int) -> tuple[str, str]:
    """Return who goes first in a round: in turn, so that neither always meets a warmer machine."""
    return (FLOOR, OPERATOR) if number % 2 else (OPERATOR, FLOOR)


def _doubt(busy_elsewhere: Sequence[float]) -> str:
    if max(busy_elsewhere) <= MOST_BUSY_ELSEWHERE:
        return ""
    return f"up to {max(busy_elsewhere):.1f} cores were busy with other things: measure again"


def _by_round(runs: Sequence[Run], subject: str) -> dict[int, Run]:
    return {run.round: run for run in runs if run.subject == subject}

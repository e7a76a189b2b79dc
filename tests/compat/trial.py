"""Tries one engine in one version: commands, controls and snapshot, in one question to its code.

In: a subject, its environment and the commands for it. Out: a `Result`, in which nothing is left
out: what passed, what did not and why, and how the committed snapshot differs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from compat import snapshots
from compat.ask import Answer, Verdict, ask
from compat.check import problems
from compat.commands import Command
from compat.controls import Control, controls, unseen
from compat.snapshots import Snapshot
from compat.store import Environment
from compat.subjects import Subject


@dataclass(frozen=True, kw_only=True)
class Judged:
    """One command, and what a version makes of it."""

    command: Command
    verdict: Verdict

    @property
    def problems(self) -> list[str]:
        """Everything that is wrong, each with where the command is from."""
        runtime, origin = self.command.runtime, self.command.origin
        return [
            f"{runtime.engine} {runtime.name}, {origin}: {problem}"
            for problem in problems(self.command.claims, self.verdict)
        ]


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came out for one subject."""

    subject: Subject
    judged: tuple[Judged, ...]
    controls: int
    unseen: tuple[str, ...]
    """Controls that were not faulted as they must be."""
    stale: tuple[str, ...]
    """How the committed snapshot differs."""
    snapshot: Snapshot = field(repr=False)

    @property
    def failures(self) -> tuple[str, ...]:
        """Everything that is wrong, each with the subject's name."""
        # What there can be hundreds of comes last.
        found = [*self.unseen, *(f"the snapshot is stale: {line}" for line in self.stale)]
        found += [problem for judged in self.judged for problem in judged.problems]
        return tuple(f"{self.subject.name}: {line}" for line in found)


def try_out(subject: Subject, environment: Environment, commands: Sequence[Command]) -> Result:
    """Put everything to one version.

    Raises CompatError if its code cannot be driven.
    """
    wrong = controls(subject.engine, subject.version)
    words = [*(c.words for c in commands), *(c.words for c in wrong)]
    return _result(subject, commands, wrong, ask(environment, subject.engine, words, snapshot=True))


def _result(
    subject: Subject, commands: Sequence[Command], wrong: Sequence[Control], answer: Answer
) -> Result:
    verdicts, faults = answer.verdicts[: len(commands)], answer.verdicts[len(commands) :]
    snapshot = snapshots.make(
        subject.engine, subject.version, answer.flags, answer.refused_at_start
    )
    missed = [unseen(c, v) for c, v in zip(wrong, faults, strict=True)]
    return Result(
        subject=subject,
        judged=tuple(Judged(command=c, verdict=v) for c, v in zip(commands, verdicts, strict=True)),
        controls=len(wrong),
        unseen=tuple(m for m in missed if m),
        stale=tuple(
            snapshots.differences(snapshots.read(subject.engine, subject.version), snapshot)
        ),
        snapshot=snapshot,
    )

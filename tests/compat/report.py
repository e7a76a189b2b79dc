"""The result for people: a table, a line for each runtime and surface, and failures in words.

In: rows, the results of their subjects, and how the servers that were started did. Out: text on a
console.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from compat.subjects import Row, Subject
from compat.trial import Judged, Result
from servers.trial import Outcome

MOST_FAILURES = 40
"""Shown of one subject: what is wrong with the planner is wrong with hundreds of its commands."""


def show(
    console: Console,
    rows: Sequence[Row],
    results: Mapping[str, Result],
    started: Sequence[Outcome] = (),
) -> None:
    """Print failures, then the table."""
    for result in results.values():
        for line in result.failures[:MOST_FAILURES]:
            console.print(f"✗ {line}", style="red", markup=False)
        if (more := len(result.failures) - MOST_FAILURES) > 0:
            console.print(f"✗ {result.subject.name}: and {more} more", style="red", markup=False)
    console.print(table(rows, results, started))


def table(
    rows: Sequence[Row], results: Mapping[str, Result], started: Sequence[Outcome] = ()
) -> Table:
    """Return the table: first what the catalog has, then what is only kept an eye on."""
    made = Table(
        caption=(
            "A command counts where every version that it was tried on agrees. Bracketed: the "
            "runtime's own build has no package, so the releases before and after it judge."
        ),
        caption_justify="left",
    )
    for name in ("runtime", "surface", "tried on"):
        made.add_column(name, overflow="fold")
    for name in ("commands", "parsed", "validated", "resolved", "controls refused", "snapshot"):
        made.add_column(name, justify="right")
    if started:
        made.add_column("server checks", justify="right")
    seen = set()
    for row in rows:
        tried = [results[s.name] for s in row.subjects if s.name in results]
        seen |= {result.subject.name for result in tried}
        if tried:
            judged = [_of_row(row, result) for result in tried]
            standing = (*_standing(tried, judged), _run(row, started))
            made.add_row(*_labels(row, tried), *_counts(judged), *standing[: 3 if started else 2])
    for name, result in results.items():
        if name not in seen:
            own = (f"{result.subject.engine}, not catalogued", "", result.subject.version)
            made.add_row(*own, *[""] * 4, *_standing([result], []))
    return made


def _labels(row: Row, tried: Sequence[Result]) -> tuple[str, str, str]:
    runtime = row.runtime
    version = "" if runtime.name == runtime.version else f" ({runtime.version})"
    versions = " and ".join(_engine_version(row, result.subject) for result in tried)
    how = ", bracketed" if row.bracketed else ""
    return f"{runtime.engine} {runtime.name}{version}", str(row.surface), f"{versions}{how}"


def _engine_version(row: Row, subject: Subject) -> str:
    """Return the version, with the engine where it is not the runtime's."""
    own = subject.engine == row.runtime.engine
    return subject.version if own else f"{subject.engine} {subject.version}"


def _counts(by_version: Sequence[Sequence[Judged]]) -> list[str]:
    """Count the commands that got so far in every version that they were tried on."""
    same = [one for one in zip(*by_version, strict=True) if one[0].command.claims.starts]
    total = len(same)
    passed = [
        sum(all(step in judged.verdict.passed for judged in one) for one in same)
        for step in ("parsed", "validated")
    ]
    agreed = sum(not any(judged.problems for judged in one) for one in same)
    return [str(total), *(_share(number, total) for number in (*passed, agreed))]


def _of_row(row: Row, result: Result) -> list[Judged]:
    return [
        judged
        for judged in result.judged
        if (judged.command.runtime, judged.command.surface) == (row.runtime, row.surface)
    ]


def _standing(tried: Sequence[Result], by_version: Sequence[Sequence[Judged]]) -> tuple[str, str]:
    """Count controls, and like them the commands that the plan itself says to stop the server."""
    stops = [j for judged in by_version for j in judged if not j.command.claims.starts]
    wanted = sum(result.controls for result in tried) + len(stops)
    missed = sum(len(result.unseen) for result in tried) + sum(bool(j.problems) for j in stops)
    stale = sum(len(result.stale) for result in tried)
    fresh = f"[red]stale ({stale})[/red]" if stale else "fresh"
    return f"{_share(wanted - missed, wanted)} of {wanted}", fresh


def _run(row: Row, started: Sequence[Outcome]) -> str:
    """Count the checks of the real server of this version; nothing where none was started."""
    name = f"{row.runtime.engine} {row.runtime.version}"
    own = [outcome for outcome in started if outcome.server == name]
    passed = sum(not outcome.failed for outcome in own)
    return f"{_share(passed, len(own))} of {len(own)}" if own else ""


def _share(number: int, total: int) -> str:
    return str(number) if number == total else f"[red]{number}[/red]"
